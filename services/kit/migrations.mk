# The SQL of services/<folder>/migrations, embedded in the folder's library as the table <folder>_migrations.
MIGRATED := $(patsubst services/%/migrations/,%,$(sort $(dir $(wildcard services/*/migrations/*.sql))))
define migrations
build/gen/$(1)_migrations.c: $$(wildcard services/$(1)/migrations/*.sql) services/kit/embed.sh
	@mkdir -p $$(@D)
	@sh services/kit/embed.sh $$(subst -,_,$(1))_migrations services/$(1)/migrations > $$@
$(BUILD)/gen/$(1)_migrations.o: build/gen/$(1)_migrations.c $$(wildcard services/$(1)/migrations/*.sql)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS) -c $$< -o $$@
$(BUILD)/lib$(1).a: $(BUILD)/gen/$(1)_migrations.o
endef
$(foreach m,$(MIGRATED),$(eval $(call migrations,$(m))))
