/*
 * The definition, read once at start from the descriptor set embedded in each binary (proto/, options.proto)
 *into const tables. Everything generic (transcoder, engine, query compiler, OpenAPI, /api/schema) works from
 *these; nothing else knows a field by name. Lives as long as the process; safe to read from every thread once
 *schema_get() returned.
 *
 *	const struct schema_resource *customers = schema_resource_find("customers");
 *	const struct schema_field *name = schema_field_find(customers->message, "name", 4);
 */
#pragma once
#include "guanxi/options.pb-c.h"
#include "kit/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
	FIELD_STRING,
	FIELD_BOOL,
	FIELD_INT32,
	FIELD_UINT32,
	FIELD_INT64,
	FIELD_UINT64,
	FIELD_ENUM,
	FIELD_BYTES,
	FIELD_TIMESTAMP, /* google.protobuf.Timestamp */
	FIELD_MESSAGE,
};

/* Field numbers that every resource has; owner and team only where row scope applies. */
enum standard_field {
	STANDARD_ID = 1,
	STANDARD_VERSION = 2,
	STANDARD_CREATE_TIME = 3,
	STANDARD_UPDATE_TIME = 4,
	STANDARD_DELETE_TIME = 5,
	STANDARD_OWNER_ID = 6,
	STANDARD_TEAM_ID = 7,
	STANDARD_LAST = 15
};

struct schema_text {
	const char *en, *zh;
};

struct schema_enum_value {
	int32_t number;
	const char *name; /* in JSON: "prospect" for LIFECYCLE_STAGE_PROSPECT */
	const char *proto_name;
	struct schema_text label;
	const char *colour;         /* NULL when none */
	struct schema_text inverse; /* "" when it reads the same from both ends */
};

struct schema_enum {
	const char *full_name, *name;
	struct schema_text label;
	const struct schema_enum_value *values;
	size_t count;
};

struct schema_field {
	const char *name;      /* proto and column name: "create_time" */
	const char *json_name; /* "createTime" */
	size_t json_len;
	uint32_t number;
	enum field_type type;
	bool repeated;
	size_t index;                            /* in the message's fields */
	const struct schema_message *message;    /* FIELD_MESSAGE */
	const struct schema_enum *enumeration;   /* FIELD_ENUM */
	const struct schema_resource *reference; /* NULL when it refers to nothing */
	const Guanxi__Field *rule;               /* never NULL */
	struct schema_text label, help;          /* "" when absent */
};

struct schema_message {
	const char *full_name, *name;
	const char *comment; /* "" unless compiled with source info */
	const struct schema_field *fields;
	size_t count;
	const struct schema_resource *resource; /* NULL when it is none */
};

struct schema_resource {
	const struct schema_message *message;
	const char *service;    /* "customer": process, queue prefix and SQL schema */
	const char *collection; /* "customers" */
	const char *singular;   /* "customer": table name and part of event types */
	const struct schema_field *title;
	const struct schema_field *parent;       /* NULL: it stands alone */
	const struct schema_field *owner, *team; /* NULL: no row scope */
	const struct schema_field *everyone;     /* true in rows that everybody may read; NULL: no such */
	const struct schema_field *merged_into;  /* NULL: records cannot be merged */
	const Guanxi__Resource *rule;
	struct schema_text label, plural;
	uint32_t highest_number; /* of its fields */
	size_t index;
};

/* A method of a service: custom ones of the API (path set), and those of the services among themselves. */
struct schema_method {
	const char *name;        /* "CustomerService.CreateImport" */
	const char *service;     /* "customer" */
	const char *verb, *path; /* NULL: not in the API */
	Guanxi__Lane lane;
	bool anonymous, administrators_only, idempotent, unkeyed;
	int success; /* HTTP status */
	struct schema_text summary;
	const struct schema_message *input, *output;
};

struct schema {
	const struct schema_message *messages;
	size_t message_count;
	const struct schema_enum *enums;
	size_t enum_count;
	const struct schema_resource *resources;
	size_t resource_count;
	const struct schema_method *methods;
	size_t method_count;
	const char *hash; /* of the whole definition, 16 hexadecimal digits */
};

/* Parses at the first call, which must be made before threads start; a broken definition ends the process. */
const struct schema *schema_get(void);

const struct schema_message *schema_message_find(const char *full_name);
const struct schema_resource *schema_resource_find(const char *collection);
const struct schema_method *schema_method_find(const char *name);
/* By JSON name; NULL when there is none. */
const struct schema_field *schema_field_find(
	const struct schema_message *message, const char *json_name, size_t len);
/* The JSON names of the fields that are chosen, divided by commas: what a message says that there is. */
const char *schema_field_names(const struct schema_message *message,
	bool (*chosen)(const struct schema_field *), struct arena *arena);
const struct schema_field *schema_field_by_number(const struct schema_message *message, uint32_t number);
/* The part of a message that one cell of a table can stand for: the first that is required, as a phone's
 * number. NULL: none, or the field is no message. */
const struct schema_field *schema_cell_part(const struct schema_field *field);
const struct schema_enum_value *schema_enum_by_name(
	const struct schema_enum *e, const char *name, size_t len);
const struct schema_enum_value *schema_enum_by_number(const struct schema_enum *e, int32_t number);
