# Guanxi: every target that people reach for. `make help` lists them.
# One non-recursive Makefile: a folder under services/ is a process, gateway/ is another, services/kit is the library.

MODE    ?= release
BUILD   := build/$(MODE)
CC      ?= gcc
PKGS    := libzmq libprotobuf-c libpq hiredis libcurl libevent_core openssl libsodium jansson icu-i18n zlib
CFLAGS  := -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror -Wno-missing-field-initializers \
           -pthread -D_GNU_SOURCE -Iservices -I. -Ibuild/proto $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LDLIBS  := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
LDFLAGS := -pthread
ifeq ($(MODE),asan)
CFLAGS  += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
ifeq ($(MODE),tsan)
CFLAGS  += -O1 -fsanitize=thread -fno-omit-frame-pointer
LDFLAGS += -fsanitize=thread
endif
ifeq ($(MODE),cover)
CFLAGS  += -O0 --coverage
LDFLAGS += --coverage
endif
ifeq ($(MODE),fuzz)
CC      := clang
CFLAGS  += -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif

PROTOS    := $(shell find proto -name '*.proto' 2>/dev/null)
PROTO_C   := $(PROTOS:proto/%.proto=build/proto/%.pb-c.c) build/proto/google/protobuf/descriptor.pb-c.c build/proto/google/protobuf/timestamp.pb-c.c
PROTO_O   := $(PROTO_C:build/proto/%.c=$(BUILD)/proto/%.o)
KIT_O     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard services/kit/*.c)) $(BUILD)/services/kit/schema_data.o
PROCESSES := $(notdir $(patsubst %/main.c,%,$(wildcard services/*/main.c)))
GATEWAY_O := $(patsubst %.c,$(BUILD)/%.o,$(filter-out gateway/main.c,$(wildcard gateway/*.c)))
CLI_O     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard deploy/cli/*.c))
BINARIES  := $(PROCESSES:%=$(BUILD)/bin/guanxi-%) $(if $(wildcard gateway/main.c),$(BUILD)/bin/guanxi-gateway) $(if $(CLI_O),$(BUILD)/bin/guanxi)
UNIT      := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*_test.c))
FUZZERS   := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
service_o  = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(wildcard services/$(1)/*.c)))
LIBS      := $(BUILD)/libgateway.a $(PROCESSES:%=$(BUILD)/lib%.a) $(BUILD)/libkit.a

# make V=1 shows the whole commands
Q := $(if $(V),,@)
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all unit clean
all: $(BINARIES) ## build every program (MODE=release, asan, tsan, fuzz or cover)

# --- protobuf: C structs, and the whole definition as one embedded descriptor set
build/proto/.stamp: $(PROTOS)
	@mkdir -p build/proto
	$(Q)protoc-c --proto_path=proto --proto_path=/usr/include --c_out=build/proto $(PROTOS:proto/%=%) google/protobuf/descriptor.proto google/protobuf/timestamp.proto
	$(Q)protoc --proto_path=proto --proto_path=/usr/include --include_imports --include_source_info --descriptor_set_out=build/guanxi.desc $(PROTOS:proto/%=%)
	@touch $@
$(PROTO_C): build/proto/.stamp ;
$(BUILD)/proto/%.o: build/proto/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -Wno-error -w -MMD -MP -c $< -o $@
$(BUILD)/services/kit/schema_data.o: build/proto/.stamp services/kit/schema_data.S
	@mkdir -p $(@D)
	$(Q)$(CC) -c services/kit/schema_data.S -o $@

$(BUILD)/%.o: %.c build/proto/.stamp Makefile
	@mkdir -p $(@D)
	$(if $(V),,@echo "  $(MODE)  $<")
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/libkit.a: $(KIT_O) $(PROTO_O)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/libgateway.a: $(GATEWAY_O)
	@rm -f $@ && ar rcs $@ $^
define process
$(BUILD)/lib$(1).a: $(call service_o,$(1))
	@rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/bin/guanxi-$(1): $(BUILD)/services/$(1)/main.o $(BUILD)/lib$(1).a $(BUILD)/libkit.a
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $(LDFLAGS) $$^ $(LDLIBS) -o $$@
endef
$(foreach p,$(PROCESSES),$(eval $(call process,$(p))))
$(BUILD)/bin/guanxi-gateway: $(BUILD)/gateway/main.o $(BUILD)/libgateway.a $(BUILD)/libkit.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/bin/guanxi: $(CLI_O) $(BUILD)/libkit.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $< $(LIBS) $(LDLIBS) -lcmocka -o $@
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer $< $(LIBS) $(LDLIBS) -o $@
-include $(wildcard services/*/*.mk gateway/*.mk)
unit: $(UNIT) ## build and run the unit tests
	@set -e; for t in $(UNIT); do echo "== $$t"; $$t; done
unit-build: $(UNIT)
fuzzers: $(FUZZERS)
clean: ## remove what was built (var/, the state, stays)
	rm -rf build gateway/web/dist

# --- what people reach for. Packages come first and everything else in a second make, which then finds the libraries.
JOBS  := $(shell nproc)
LOCAL := deploy/local
export GUANXI_MODE := $(MODE)
.PHONY: help run start stop status logs psql ready ui test test-unit test-fuzz test-system test-browser test-fault unit-build generated print-cflags bench lint format asan tsan fuzz fuzzers cover demo backup restore rows screenshots npm

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo "  Settings (make start GUANXI_PORT=8090):"
	@sed -n 's/^: "$${\(GUANXI_[A-Z_]*\):=\([^}]*\)}" *# \(.*\)/  \1 [\2] \3/p' $(LOCAL)/settings.sh

ready: ## build all that the system needs, installing packages where root
	@$(LOCAL)/install build run ui
	@$(MAKE) --no-print-directory -j$(JOBS) all ui
run: ready ## the whole system in the foreground; Ctrl-C stops it
	@$(LOCAL)/run
start: ready ## the whole system in the background; returns when it serves
	@$(LOCAL)/start
stop: ## end every process of the system
	@$(LOCAL)/stop
status: ## one line a process: pid, since when, ready, memory, restarts
	@$(LOCAL)/status
logs: ## follow all logs
	@tail -n 20 -F $(if $(GUANXI_VAR),$(GUANXI_VAR),var)/log/*/current
psql: ## a SQL prompt as superuser on the running system
	@$(LOCAL)/cluster psql

# The web UI and the tests: npm packages by lock file, again only when that changed. Not `npm ci`: npm 11 refuses a lock file
# without the optional packages of platforms that are not this one, and registries need not have those.
%/node_modules/.stamp: %/package.json %/package-lock.json
	cd $* && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
WEB := gateway/web
ui: $(if $(wildcard $(WEB)/package.json),$(WEB)/dist/.stamp) ## build the web UI
$(WEB)/dist/.stamp: $(WEB)/node_modules/.stamp $(shell find $(WEB) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	cd $(WEB) && npm run build
	@touch $@
npm: $(patsubst %/package.json,%/node_modules/.stamp,$(wildcard tests/package.json $(WEB)/package.json))

test: ## every test; one group with make test-unit, -fuzz, -system, -browser, -fault
	@tests/run
test-unit test-fuzz test-system test-browser test-fault:
	@tests/run $(@:test-%=%)
backup: ## dump the database of the running system to var/backup/<time>
	@deploy/backup/backup
restore: ## bring a backup back: make restore FROM=var/backup/<time> [SECRET=<file>]
	@deploy/backup/restore "$(FROM)" $(if $(SECRET),"$(SECRET)")
demo: ready ## a small invented organisation and its customers, to look at
	@deploy/demo/demo $(PASSWORD_FILE)
bench: ## how fast it is: tests/bench
	@$(LOCAL)/install build run ui test
	@$(MAKE) --no-print-directory -j$(JOBS) all ui npm
	@tests/bench/run
screenshots: ## pictures of every screen: tests/results/screenshots
	@tests/run screenshots
rows: ## each requirement with the passing tests that show it, of the last run
	@node tests/results.mjs rows
generated: build/proto/.stamp $(if $(wildcard services/kit/pinyin.mk),build/kit/pinyin_data.h)
print-cflags:
	@echo '$(CFLAGS)'
lint: ## every static check
	@$(LOCAL)/install build lint ui
	@$(MAKE) --no-print-directory npm generated
	@tests/lint
format: ## lay C and TypeScript out as agreed
	@$(LOCAL)/install lint
	@git ls-files '*.[ch]' | xargs -r clang-format -i
asan: ## unit and system tests against programs with the address and undefined-behaviour sanitizers
	@tests/run --mode=asan unit system
tsan: ## unit and system tests against programs with the thread sanitizer
	@tests/run --mode=tsan unit system
fuzz: ## each fuzzer for FUZZ_SECONDS (600) over its corpus
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} tests/run fuzz
cover: ## unit tests with line coverage: build/cover/index.txt
	@tests/cover
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
