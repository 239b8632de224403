#include "kit/schema.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "kit/wire.h"
#include <assert.h>
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const uint8_t schema_descriptor_set[], schema_descriptor_set_end[];

typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__FileDescriptorProto file;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;

#define EXTENSION_RESOURCE   50001
#define EXTENSION_FIELD      50002
#define EXTENSION_ENUM_VALUE 50003
#define EXTENSION_HTTP       50004
#define EXTENSION_ENUM_LABEL 50005

#define MESSAGES_MAX 256
#define ENUMS_MAX    128
#define METHODS_MAX  256

static struct arena *process_arena;
static struct schema_message messages[MESSAGES_MAX];
static struct schema_enum enums[ENUMS_MAX];
static struct schema_resource resources[MESSAGES_MAX];
static struct schema_method methods[METHODS_MAX];
static struct schema schema = {
	.messages = messages, .enums = enums, .resources = resources, .methods = methods
};
static const Guanxi__Field no_rule = GUANXI__FIELD__INIT;

/* What is read here lives as long as the process, and so in its arena: leak checkers find it there. */
static void *allocate(void *unused, size_t size)
{
	(void)unused;
	return arena_alloc(process_arena, size);
}

static void keep(void *unused, void *memory)
{
	(void)unused, (void)memory;
}

static ProtobufCAllocator allocator = { allocate, keep, NULL };

static void broken(const char *what, const char *name)
{
	fprintf(stderr, "guanxi: the definition in proto/ is broken: %s: %s\n", what, name);
	abort();
}

/* Our options arrive as unknown fields of google.protobuf.*Options: returns the unpacked message, or NULL. */
static void *extension(
	const ProtobufCMessage *options, unsigned number, const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; options && i < options->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *u = &options->unknown_fields[i];

		if (u->tag != number || u->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			continue;
		size_t prefix = 1;

		while (u->data[prefix - 1] & 0x80)
			prefix++;
		void *message =
			protobuf_c_message_unpack(type, &allocator, u->len - prefix, u->data + prefix);

		if (!message)
			broken("an option cannot be read", type->name);
		return message;
	}
	return NULL;
}

static struct schema_text text_of(const Guanxi__Text *text)
{
	return (struct schema_text){ text && text->en ? text->en : "", text && text->zh ? text->zh : "" };
}

static char *json_name_of(const char *name)
{
	char *json = arena_strdup(process_arena, name), *to = json;

	for (const char *from = name; *from; from++)
		*to++ = *from == '_' && from[1] ? (char)toupper(*++from) : *from;
	*to = '\0';
	return json;
}

/* LIFECYCLE_STAGE_PROSPECT of LifecycleStage becomes "prospect". */
static char *enum_json_name(const char *enum_name, const char *value_name)
{
	for (const char *e = enum_name; *e && *value_name;) {
		if (*value_name == '_')
			value_name++;
		else if (toupper(*e) == *value_name)
			e++, value_name++;
		else
			break;
	}
	value_name += *value_name == '_';
	char *lower = arena_strdup(process_arena, value_name);

	for (char *c = lower; *c; c++)
		*c = (char)tolower(*c);
	return json_name_of(lower);
}

static void read_enum(const char *package, const enum_proto *proto)
{
	struct schema_enum *e = &enums[schema.enum_count++];
	struct schema_enum_value *values = arena_zalloc(process_arena, proto->n_value * sizeof *values);
	const Guanxi__Text *label = extension(
		(const ProtobufCMessage *)proto->options, EXTENSION_ENUM_LABEL, &guanxi__text__descriptor);

	assert(schema.enum_count <= ENUMS_MAX);
	for (size_t i = 0; i < proto->n_value; i++) {
		const Guanxi__EnumValue *rule = extension((const ProtobufCMessage *)proto->value[i]->options,
			EXTENSION_ENUM_VALUE, &guanxi__enum_value__descriptor);

		values[i] = (struct schema_enum_value){
			.number = proto->value[i]->number,
			.name = enum_json_name(proto->name, proto->value[i]->name),
			.proto_name = proto->value[i]->name,
			.label = text_of(rule ? rule->label : NULL),
			.colour = rule ? rule->colour : NULL,
			.inverse = text_of(rule ? rule->inverse : NULL),
		};
	}
	*e = (struct schema_enum){ arena_printf(process_arena, "%s.%s", package, proto->name), proto->name,
		text_of(label), values, proto->n_value };
}

static const struct schema_enum *enum_find(const char *full_name)
{
	for (size_t i = 0; i < schema.enum_count; i++)
		if (!strcmp(enums[i].full_name, full_name))
			return &enums[i];
	broken("no such enum", full_name);
	return NULL;
}

static enum field_type type_of(const field_proto *proto)
{
	switch (proto->type) {
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
		return FIELD_STRING;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES:
		return FIELD_BYTES;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
		return FIELD_BOOL;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32:
		return FIELD_INT32;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT32:
		return FIELD_UINT32;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64:
		return FIELD_INT64;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64:
		return FIELD_UINT64;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_ENUM:
		return FIELD_ENUM;
	case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE:
		return strcmp(proto->type_name, ".google.protobuf.Timestamp") ? FIELD_MESSAGE
									      : FIELD_TIMESTAMP;
	default:
		broken("a type that resources do not use", proto->name);
		return FIELD_STRING;
	}
}

static void read_field(struct schema_field *field, const field_proto *proto, size_t index)
{
	const Guanxi__Field *rule = extension(
		(const ProtobufCMessage *)proto->options, EXTENSION_FIELD, &guanxi__field__descriptor);

	*field = (struct schema_field){
		.name = proto->name,
		.json_name = json_name_of(proto->name),
		.number = (uint32_t)proto->number,
		.type = type_of(proto),
		.repeated = proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED,
		.index = index,
		.rule = rule ? rule : &no_rule,
		.label = text_of(rule ? rule->label : NULL),
		.help = text_of(rule ? rule->help : NULL),
	};
	field->json_len = strlen(field->json_name);
	if (field->type == FIELD_ENUM)
		field->enumeration = enum_find(proto->type_name + 1);
}

/* "guanxi.customer.v1" is the package of the service "customer". */
static const char *service_of(const char *package)
{
	const char *dot = strchr(package, '.');
	const char *end = dot ? strchr(dot + 1, '.') : NULL;

	return end ? arena_strndup(process_arena, dot + 1, (size_t)(end - dot - 1)) : "";
}

static char *snake_of(const char *name)
{
	struct buffer out = { .arena = process_arena };

	for (const char *c = name; *c; c++)
		buffer_printf(&out, "%s%c", isupper(*c) && c != name ? "_" : "", tolower(*c));
	return out.data;
}

static void read_resource(const char *package, struct schema_message *message, const Guanxi__Resource *rule)
{
	struct schema_resource *r = &resources[schema.resource_count];

	*r = (struct schema_resource){
		.message = message,
		.service = service_of(package),
		.collection = rule->collection,
		.singular = snake_of(message->name),
		.owner = schema_field_by_number(message, STANDARD_OWNER_ID),
		.team = schema_field_by_number(message, STANDARD_TEAM_ID),
		.rule = rule,
		.label = text_of(rule->label),
		.plural = text_of(rule->plural),
		.index = schema.resource_count++,
	};
	for (size_t i = 0; i < message->count; i++) {
		const struct schema_field *f = &message->fields[i];

		if (f->number > r->highest_number)
			r->highest_number = f->number;
		if (rule->title && !strcmp(f->name, rule->title))
			r->title = f;
		if (rule->parent && !strcmp(f->name, rule->parent))
			r->parent = f;
		if (rule->everyone && !strcmp(f->name, rule->everyone))
			r->everyone = f;
		if (rule->merged_into && !strcmp(f->name, rule->merged_into))
			r->merged_into = f;
	}
	if (!r->title || (rule->parent && !r->parent) || (rule->merged_into && !r->merged_into))
		broken("its title, parent or merged_into is no field of it", message->full_name);
	if (rule->everyone && (!r->everyone || r->everyone->type != FIELD_BOOL))
		broken("the field that opens a row to everyone is no boolean of it", message->full_name);
	message->resource = r;
}

static void read_message(const char *package, const message_proto *proto)
{
	struct schema_message *message = &messages[schema.message_count++];
	struct schema_field *fields = arena_zalloc(process_arena, (proto->n_field + 1) * sizeof *fields);
	const Guanxi__Resource *rule = extension(
		(const ProtobufCMessage *)proto->options, EXTENSION_RESOURCE, &guanxi__resource__descriptor);

	assert(schema.message_count <= MESSAGES_MAX);
	for (size_t i = 0; i < proto->n_field; i++)
		read_field(&fields[i], proto->field[i], i);
	*message = (struct schema_message){ arena_printf(process_arena, "%s.%s", package, proto->name),
		proto->name, "", fields, proto->n_field, NULL };
	if (rule)
		read_resource(package, message, rule);
}

static void read_service(const char *package, const service_proto *proto)
{
	for (size_t i = 0; i < proto->n_method; i++) {
		const Google__Protobuf__MethodDescriptorProto *m = proto->method[i];
		const Guanxi__Http *http = extension(
			(const ProtobufCMessage *)m->options, EXTENSION_HTTP, &guanxi__http__descriptor);

		assert(schema.method_count < METHODS_MAX);
		methods[schema.method_count++] = (struct schema_method){
			.name = arena_printf(process_arena, "%s.%s", proto->name, m->name),
			.service = service_of(package),
			.verb = http ? http->verb : NULL,
			.path = http ? http->path : NULL,
			.lane = http && http->has_lane ? http->lane : GUANXI__LANE__LANE_WORK,
			.anonymous = http && http->anonymous,
			.administrators_only = http && http->administrators_only,
			.idempotent = http && http->idempotent,
			.unkeyed = http && http->unkeyed,
			.success = http && http->success ? (int)http->success : 200,
			.summary = text_of(http ? http->summary : NULL),
			.input = schema_message_find(m->input_type + 1),
			.output = schema_message_find(m->output_type + 1),
		};
	}
}

static bool is_ours(const file *f)
{
	return f->package && !strncmp(f->package, "guanxi.", 7);
}

/* A message or resource that a field names may stand later in the files: tied when all are read. */
static void tie_fields(const file *f, const message_proto *proto)
{
	const struct schema_message *message =
		schema_message_find(arena_printf(process_arena, "%s.%s", f->package, proto->name));

	for (size_t i = 0; i < message->count; i++) {
		struct schema_field *field = (struct schema_field *)&message->fields[i];

		if (field->type == FIELD_MESSAGE)
			field->message = schema_message_find(proto->field[i]->type_name + 1);
		if (!field->rule->reference)
			continue;
		const struct schema_message *to = schema_message_find(field->rule->reference);

		if (!to || !to->resource)
			broken("a reference to what is no resource", field->rule->reference);
		field->reference = to->resource;
	}
}

static void read_set(const file_set *set)
{
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t k = 0; is_ours(set->file[i]) && k < set->file[i]->n_enum_type; k++)
			read_enum(set->file[i]->package, set->file[i]->enum_type[k]);
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t k = 0; is_ours(set->file[i]) && k < set->file[i]->n_message_type; k++)
			read_message(set->file[i]->package, set->file[i]->message_type[k]);
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t k = 0; is_ours(set->file[i]) && k < set->file[i]->n_message_type; k++)
			tie_fields(set->file[i], set->file[i]->message_type[k]);
	for (size_t i = 0; i < set->n_file; i++)
		for (size_t k = 0; is_ours(set->file[i]) && k < set->file[i]->n_service; k++)
			read_service(set->file[i]->package, set->file[i]->service[k]);
}

const struct schema *schema_get(void)
{
	if (schema.hash)
		return &schema;
	size_t len = (size_t)(schema_descriptor_set_end - schema_descriptor_set);

	process_arena = arena_new();
	file_set *set = google__protobuf__file_descriptor_set__unpack(&allocator, len, schema_descriptor_set);
	unsigned char digest[16];
	char *hash;

	if (!set)
		broken("the descriptor set cannot be read", "build/guanxi.desc");
	read_set(set); /* names point into the set, which stays */
	crypto_generichash(digest, sizeof digest, schema_descriptor_set, len, NULL, 0);
	hash = arena_alloc(process_arena, 17);
	sodium_bin2hex(hash, 17, digest, 8);
	schema.hash = hash;
	return &schema;
}

const struct schema_message *schema_message_find(const char *full_name)
{
	for (size_t i = 0; i < schema.message_count; i++)
		if (!strcmp(messages[i].full_name, full_name))
			return &messages[i];
	return NULL;
}

const struct schema_resource *schema_resource_find(const char *collection)
{
	for (size_t i = 0; i < schema.resource_count; i++)
		if (!strcmp(resources[i].collection, collection))
			return &resources[i];
	return NULL;
}

const struct schema_method *schema_method_find(const char *name)
{
	for (size_t i = 0; i < schema.method_count; i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

/* A resource has some thirty fields: comparing lengths first makes a scan as quick as a hash. */
const struct schema_field *schema_field_find(
	const struct schema_message *message, const char *json_name, size_t len)
{
	for (size_t i = 0; i < message->count; i++)
		if (message->fields[i].json_len == len &&
			!memcmp(message->fields[i].json_name, json_name, len))
			return &message->fields[i];
	return NULL;
}

const char *schema_field_names(const struct schema_message *message,
	bool (*chosen)(const struct schema_field *), struct arena *arena)
{
	struct buffer out = { .arena = arena };

	buffer_reserve(&out, 0);
	for (size_t i = 0; i < message->count; i++)
		if (chosen(&message->fields[i]))
			buffer_printf(&out, "%s%s", out.len ? ", " : "", message->fields[i].json_name);
	return out.data;
}

const struct schema_field *schema_field_by_number(const struct schema_message *message, uint32_t number)
{
	for (size_t i = 0; i < message->count; i++)
		if (message->fields[i].number == number)
			return &message->fields[i];
	return NULL;
}

const struct schema_field *schema_cell_part(const struct schema_field *field)
{
	for (size_t i = 0; field->message && i < field->message->count; i++)
		if (field->message->fields[i].rule->required)
			return &field->message->fields[i];
	return NULL;
}

const struct schema_enum_value *schema_enum_by_name(const struct schema_enum *e, const char *name, size_t len)
{
	for (size_t i = 0; i < e->count; i++)
		if (strlen(e->values[i].name) == len && !memcmp(e->values[i].name, name, len))
			return &e->values[i];
	return NULL;
}

const struct schema_enum_value *schema_enum_by_number(const struct schema_enum *e, int32_t number)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->values[i].number == number)
			return &e->values[i];
	return NULL;
}
