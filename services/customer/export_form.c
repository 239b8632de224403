#include "customer/export.h"
#include "kit/csv.h"
#include "kit/json.h"
#include <stdio.h>
#include <string.h>

/* --- cells */

const char *export_label(const struct export *e, struct schema_text text)
{
	return e->language == LANGUAGE_ZH && *text.zh ? text.zh : text.en;
}

/* Of one value on the wire. */
static struct slice value_text(struct export *e, const struct schema_field *f, const struct wire_field *value)
{
	const struct schema_enum_value *choice;
	struct buffer out = { .arena = e->req->arena };
	int64_t us;

	switch (f->type) {
	case FIELD_STRING:
		return (struct slice){ value->bytes, value->len };
	case FIELD_ENUM:
		choice = schema_enum_by_number(f->enumeration, (int32_t)value->value);
		buffer_add_text(&out, choice ? export_label(e, choice->label) : "");
		break;
	case FIELD_BOOL:
		buffer_add_text(&out, value->value ? "true" : "false");
		break;
	case FIELD_TIMESTAMP:
		if (!wire_timestamp(value->bytes, value->len, &us))
			return (struct slice){ 0 };
		json_add_time(&out, us);
		return (struct slice){ out.data + 1, out.len - 2 };
	default:
		buffer_printf(&out, "%lld", (long long)value->value);
	}
	return (struct slice){ out.data, out.len };
}

static void add_part(
	struct export *e, struct buffer *out, const struct schema_field *part, const struct wire_field *value)
{
	struct slice text = value_text(e, part, value);

	if (out->len)
		buffer_add_text(out, ";");
	buffer_add(out, text.data, text.len);
}

/* As an import reads it: members, or their main parts, divided by semicolons. */
static struct slice list_text(struct export *e, const struct schema_field *f, struct slice wire)
{
	const struct schema_field *part = schema_cell_part(f);
	struct wire_reader reader = wire_reader(wire.data, wire.len);
	struct buffer out = { .arena = e->req->arena };
	struct wire_field entry, value;

	buffer_reserve(&out, 0);
	if (f->type == FIELD_MESSAGE && !part) {
		if (!json_write_repeated(f, wire.data, wire.len, &out))
			out.len = 0;
		return (struct slice){ out.data, out.len };
	}
	while (wire_next(&reader, &entry))
		if (!part)
			add_part(e, &out, f, &entry);
		else if (wire_find(entry.bytes, entry.len, part->number, &value))
			add_part(e, &out, part, &value);
	return (struct slice){ out.data, out.len };
}

struct slice export_cell(
	struct export *e, const struct schema_field *f, const struct record *record, const char *title)
{
	struct slice wire = record->fields[f->index];
	struct wire_field value;

	if (!wire.len)
		return (struct slice){ "", 0 };
	if (title)
		return (struct slice){ title, strlen(title) };
	if (f->type == FIELD_MESSAGE || f->repeated)
		return list_text(e, f, wire);
	if (!wire_find(wire.data, wire.len, f->number, &value))
		return (struct slice){ "", 0 };
	return value_text(e, f, &value);
}

/* --- CSV */

static void begin_csv(struct export *e)
{
	struct slice *cells = arena_alloc(e->req->arena, e->field_count * sizeof *cells);

	for (size_t i = 0; i < e->field_count; i++) {
		const char *label = export_label(e, e->fields[i]->label);

		cells[i] = (struct slice){ label, strlen(label) };
	}
	buffer_add_text(&e->out, CSV_BYTE_ORDER_MARK);
	csv_write_row(&e->out, ',', cells, e->field_count);
}

static void add_csv(struct export *e, const struct record *record, const char *const *titles)
{
	struct slice *cells = arena_alloc(e->req->arena, e->field_count * sizeof *cells);

	for (size_t i = 0; i < e->field_count; i++)
		cells[i] = export_cell(e, e->fields[i], record, titles[i]);
	csv_write_row(&e->out, ',', cells, e->field_count);
}

/* --- NDJSON */

static void add_ndjson(struct export *e, const struct record *record, const char *const *titles)
{
	struct buffer wire = { .arena = e->req->arena };
	struct json_mask only = { { 0 } };

	(void)titles;
	buffer_reserve(&wire, 0);
	for (size_t i = 0; i < e->field_count; i++)
		json_mask_add(&only, e->fields[i]);
	record_encode(record, &wire);
	if (json_from_wire(e->resource->message, wire.data, wire.len, &only, &e->out))
		buffer_add_text(&e->out, "\n");
}

static void nothing(struct export *e)
{
	(void)e;
}

const struct export_form *export_form(int64_t format)
{
	static const struct export_form forms[] = {
		[EXPORT_CSV] = { "csv", "text/csv; charset=utf-8", 0, begin_csv, add_csv, nothing, nothing },
		[EXPORT_XLSX] = { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
			XLSX_ROWS_MAX, xlsx_begin, xlsx_row, xlsx_flush, xlsx_end },
		[EXPORT_NDJSON] = { "ndjson", "application/x-ndjson", 0, nothing, add_ndjson, nothing,
			nothing },
	};

	return format > 0 && format < (int64_t)(sizeof forms / sizeof *forms) ? &forms[format] : NULL;
}
