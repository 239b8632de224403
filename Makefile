# Guanxi: every target that people reach for. `make help` lists them.
# One non-recursive Makefile: a folder under services/ is a process, gateway/ is another, services/kit is the library.

MODE    ?= release
BUILD   := build/$(MODE)
CC      ?= gcc
PKGS    := libzmq libprotobuf-c libpq hiredis libcurl libevent_core openssl libsodium jansson icu-i18n
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
ifeq ($(MODE),fuzz)
CC      := clang
CFLAGS  += -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif

PROTOS    := $(shell find proto -name '*.proto')
PROTO_C   := $(PROTOS:proto/%.proto=build/proto/%.pb-c.c) build/proto/google/protobuf/descriptor.pb-c.c build/proto/google/protobuf/timestamp.pb-c.c
PROTO_O   := $(PROTO_C:build/proto/%.c=$(BUILD)/proto/%.o)
KIT_O     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard services/kit/*.c)) $(BUILD)/services/kit/schema_data.o
PROCESSES := $(notdir $(patsubst %/main.c,%,$(wildcard services/*/main.c)))
GATEWAY_O := $(patsubst %.c,$(BUILD)/%.o,$(filter-out gateway/main.c,$(wildcard gateway/*.c)))
BINARIES  := $(PROCESSES:%=$(BUILD)/bin/guanxi-%) $(if $(wildcard gateway/main.c),$(BUILD)/bin/guanxi-gateway)
UNIT      := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*_test.c))
FUZZERS   := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
service_o  = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(wildcard services/$(1)/*.c)))
LIBS      := $(BUILD)/libgateway.a $(PROCESSES:%=$(BUILD)/lib%.a) $(BUILD)/libkit.a

.DEFAULT_GOAL := all
.SECONDARY:
.PHONY: all unit clean
all: $(BINARIES)

# --- protobuf: C structs, and the whole definition as one embedded descriptor set
build/proto/.stamp: $(PROTOS)
	@mkdir -p build/proto
	protoc-c --proto_path=proto --proto_path=/usr/include --c_out=build/proto $(PROTOS:proto/%=%) google/protobuf/descriptor.proto google/protobuf/timestamp.proto
	protoc --proto_path=proto --proto_path=/usr/include --include_imports --include_source_info --descriptor_set_out=build/guanxi.desc $(PROTOS:proto/%=%)
	@touch $@
$(PROTO_C): build/proto/.stamp ;
$(BUILD)/proto/%.o: build/proto/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Wno-error -w -MMD -MP -c $< -o $@
$(BUILD)/services/kit/schema_data.o: build/proto/.stamp services/kit/schema_data.S
	@mkdir -p $(@D)
	$(CC) -c services/kit/schema_data.S -o $@

$(BUILD)/%.o: %.c build/proto/.stamp
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/libkit.a: $(KIT_O) $(PROTO_O)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/libgateway.a: $(GATEWAY_O)
	@rm -f $@ && ar rcs $@ $^
define process
$(BUILD)/lib$(1).a: $(call service_o,$(1))
	@rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/bin/guanxi-$(1): $(BUILD)/services/$(1)/main.o $(BUILD)/lib$(1).a $(BUILD)/libkit.a
	@mkdir -p $$(@D)
	$$(CC) $(LDFLAGS) $$^ $(LDLIBS) -o $$@
endef
$(foreach p,$(PROCESSES),$(eval $(call process,$(p))))
$(BUILD)/bin/guanxi-gateway: $(BUILD)/gateway/main.o $(BUILD)/libgateway.a $(BUILD)/libkit.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $< $(LIBS) $(LDLIBS) -lcmocka -o $@
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer $< $(LIBS) $(LDLIBS) -o $@
unit: $(UNIT)
	@set -e; for t in $(UNIT); do echo "== $$t"; $$t; done
clean:
	rm -rf build
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
