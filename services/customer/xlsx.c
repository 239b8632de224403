/*
 * A workbook with one sheet (ECMA-376), written as a stream: a ZIP of five small parts that are stored, and
 * the sheet, deflated. What a step adds to the sheet is deflated by itself and ended with a full flush, so
 * that the next step, in another process if need be, goes on without what went before: the state is a
 * checksum and two lengths. They stand behind the data (APPNOTE 4.4.4, bit 3), for they are not known before.
 */
#include "customer/export.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define XML      "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define OFFICE   "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE  "http://schemas.openxmlformats.org/package/2006/"
#define MAIN     "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define TYPE     "application/vnd.openxmlformats-officedocument.spreadsheetml."
#define OVERRIDE "<Override PartName=\"/xl/"

struct part {
	const char *name, *text;
};

static const struct part parts[] = {
	{ "[Content_Types].xml",
		XML "<Types xmlns=\"" PACKAGE "content-types\"><Default Extension=\"rels\" "
		    "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>" OVERRIDE
		    "workbook.xml\" ContentType=\"" TYPE "sheet.main+xml\"/>" OVERRIDE
		    "styles.xml\" ContentType=\"" TYPE "styles+xml\"/>" OVERRIDE
		    "worksheets/sheet1.xml\" ContentType=\"" TYPE "worksheet+xml\"/></Types>" },
	{ "_rels/.rels", XML "<Relationships xmlns=\"" PACKAGE
			     "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
			     "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>" },
	{ "xl/workbook.xml",
		XML "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE
		    "\"><sheets><sheet name=\"Guanxi\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>" },
	{ "xl/_rels/workbook.xml.rels", XML
		"<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
		"/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"" OFFICE
		"/styles\" Target=\"styles.xml\"/></Relationships>" },
	/* Two forms of a cell: as it is, and the heading's. */
	{ "xl/styles.xml", XML
		"<styleSheet xmlns=\"" MAIN
		"\"><fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font>"
		"<font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>"
		"<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill>"
		"<fill><patternFill patternType=\"gray125\"/></fill></fills>"
		"<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"
		"<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/>"
		"</cellStyleXfs><cellXfs count=\"2\">"
		"<xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>"
		"<xf numFmtId=\"0\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyFont=\"1\"/>"
		"</cellXfs></styleSheet>" },
};
#define PART_COUNT (sizeof parts / sizeof *parts)
#define SHEET_NAME "xl/worksheets/sheet1.xml"

enum { STORED = 0, DEFLATED = 8, LENGTHS_BEHIND = 1 << 3, VERSION = 20, LOCAL_BYTES = 30, BEHIND_BYTES = 16 };

/* --- ZIP */

static void add_16(struct buffer *out, unsigned value)
{
	buffer_add(out, (uint8_t[]){ (uint8_t)value, (uint8_t)(value >> 8) }, 2);
}

static void add_32(struct buffer *out, uint32_t value)
{
	add_16(out, value & 0xffff);
	add_16(out, value >> 16);
}

struct entry {
	const char *name;
	unsigned flags, method;
	uint32_t crc, packed, plain;
};

static struct entry stored(const struct part *part)
{
	uint32_t len = (uint32_t)strlen(part->text);

	return (struct entry){ part->name, 0, STORED,
		(uint32_t)crc32(0, (const unsigned char *)part->text, len), len, len };
}

/* What a local header and an entry of the directory have in common. The time is that of no file: 1980. */
static void add_common(struct buffer *out, const struct entry *entry)
{
	add_16(out, VERSION);
	add_16(out, entry->flags);
	add_16(out, entry->method);
	add_16(out, 0);
	add_16(out, 1 << 5 | 1);
	add_32(out, entry->crc);
	add_32(out, entry->packed);
	add_32(out, entry->plain);
	add_16(out, (unsigned)strlen(entry->name));
	add_16(out, 0);
}

static void add_local(struct buffer *out, const struct entry *entry)
{
	add_32(out, 0x04034b50);
	add_common(out, entry);
	buffer_add_text(out, entry->name);
}

static void add_central(struct buffer *out, const struct entry *entry, uint32_t at)
{
	add_32(out, 0x02014b50);
	add_16(out, VERSION);
	add_common(out, entry);
	add_16(out, 0); /* comment */
	add_16(out, 0); /* disk */
	add_16(out, 0); /* attributes */
	add_32(out, 0);
	add_32(out, at);
	buffer_add_text(out, entry->name);
}

static void add_directory(struct export *e)
{
	const struct entry sheet = { SHEET_NAME, LENGTHS_BEHIND, DEFLATED, e->at.crc, (uint32_t)e->at.packed,
		(uint32_t)e->at.plain };
	struct buffer directory = { .arena = e->req->arena };
	uint32_t at = 0;

	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct entry entry = stored(&parts[i]);

		add_central(&directory, &entry, at);
		at += LOCAL_BYTES + (uint32_t)strlen(entry.name) + entry.packed;
	}
	add_central(&directory, &sheet, at);
	at += LOCAL_BYTES + (uint32_t)strlen(sheet.name) + sheet.packed + BEHIND_BYTES;
	buffer_add(&e->out, directory.data, directory.len);
	add_32(&e->out, 0x06054b50);
	add_32(&e->out, 0); /* disks */
	add_16(&e->out, PART_COUNT + 1);
	add_16(&e->out, PART_COUNT + 1);
	add_32(&e->out, (uint32_t)directory.len);
	add_32(&e->out, at);
	add_16(&e->out, 0);
}

static void release(void *stream)
{
	deflateEnd(stream);
}

/* Raw deflate; the last piece ends the stream. */
static void pack(struct export *e, bool last)
{
	z_stream *z = arena_zalloc(e->req->arena, sizeof *z);

	if (deflateInit2(z, Z_BEST_SPEED, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* out of memory */
	arena_defer(e->req->arena, release, z);
	size_t room = deflateBound(z, e->sheet.len) + 64;

	z->next_in = (unsigned char *)e->sheet.data;
	z->avail_in = (unsigned)e->sheet.len;
	z->next_out = (unsigned char *)buffer_reserve(&e->out, room);
	z->avail_out = (unsigned)room;
	deflate(z, last ? Z_FINISH : Z_FULL_FLUSH);
	e->at.crc = (uint32_t)crc32(e->at.crc, (const unsigned char *)e->sheet.data, (unsigned)e->sheet.len);
	e->at.plain += (int64_t)e->sheet.len;
	e->at.packed += (int64_t)(room - z->avail_out);
	e->out.len += room - z->avail_out;
	e->sheet.len = 0;
}

/* --- the sheet */

/* XML 1.0 has no place for control characters, and a carriage return would be read as a line feed. */
static void add_xml(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (c == '&')
			buffer_add_text(out, "&amp;");
		else if (c == '<')
			buffer_add_text(out, "&lt;");
		else if (c == '>')
			buffer_add_text(out, "&gt;");
		else if (c == '\r')
			buffer_add_text(out, "&#13;");
		else if ((unsigned char)c >= ' ' || c == '\n' || c == '\t')
			buffer_add(out, &c, 1);
	}
}

/* "A1": some readers want to be told where a cell is, though it stands there. */
static void add_place(struct export *e, size_t column)
{
	char letters[4] = "";
	size_t at = sizeof letters - 1;

	for (size_t n = column + 1; n && at; n = (n - 1) / 26)
		letters[--at] = (char)('A' + (n - 1) % 26);
	buffer_printf(&e->sheet, "<c r=\"%s%lld\"", letters + at, (long long)e->at.row);
}

/* Text is text, whatever it begins with: no program takes it for a formula. */
static void add_text_cell(struct export *e, size_t column, struct slice text, const char *style)
{
	if (!text.len)
		return;
	add_place(e, column);
	buffer_printf(&e->sheet, " t=\"inlineStr\"%s><is><t xml:space=\"preserve\">", style);
	add_xml(&e->sheet, text);
	buffer_add_text(&e->sheet, "</t></is></c>");
}

static void add_number_cell(struct export *e, size_t column, struct slice text)
{
	add_place(e, column);
	buffer_printf(&e->sheet, "><v>%.*s</v></c>", (int)text.len, text.data);
}

static bool is_number(const struct schema_field *f)
{
	return !f->repeated && f->type >= FIELD_INT32 && f->type <= FIELD_UINT64;
}

static void begin_row(struct export *e)
{
	buffer_printf(&e->sheet, "<row r=\"%lld\">", (long long)++e->at.row);
}

void xlsx_begin(struct export *e)
{
	const struct entry sheet = { SHEET_NAME, LENGTHS_BEHIND, DEFLATED, 0, 0, 0 };

	for (size_t i = 0; i < PART_COUNT; i++) {
		const struct entry entry = stored(&parts[i]);

		add_local(&e->out, &entry);
		buffer_add_text(&e->out, parts[i].text);
	}
	add_local(&e->out, &sheet);
	buffer_add_text(&e->sheet,
		XML "<worksheet xmlns=\"" MAIN
		    "\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" "
		    "activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><sheetData>");
	begin_row(e);
	for (size_t i = 0; i < e->field_count; i++) {
		const char *label = export_label(e, e->fields[i]->label);

		add_text_cell(e, i, (struct slice){ label, strlen(label) }, " s=\"1\"");
	}
	buffer_add_text(&e->sheet, "</row>");
}

void xlsx_row(struct export *e, const struct record *record, const char *const *titles)
{
	begin_row(e);
	for (size_t i = 0; i < e->field_count; i++) {
		struct slice text = export_cell(e, e->fields[i], record, titles[i]);

		if (text.len && is_number(e->fields[i]))
			add_number_cell(e, i, text);
		else
			add_text_cell(e, i, text, "");
	}
	buffer_add_text(&e->sheet, "</row>");
}

void xlsx_flush(struct export *e)
{
	pack(e, false);
}

void xlsx_end(struct export *e)
{
	buffer_add_text(&e->sheet, "</sheetData></worksheet>");
	pack(e, true);
	add_32(&e->out, 0x08074b50);
	add_32(&e->out, e->at.crc);
	add_32(&e->out, (uint32_t)e->at.packed);
	add_32(&e->out, (uint32_t)e->at.plain);
	add_directory(e);
}
