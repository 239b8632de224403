#include "kit/traceparent.h"
#include "kit/uuid.h"
#include <sodium.h>
#include <string.h>

/* Places in the text: 2 digits of version, 32 of trace id, 16 of parent id, 2 of flags. */
enum { AT_TRACE_ID = 3, AT_PARENT_ID = 36, AT_FLAGS = 53, PARENT_ID_TEXT = 16 };

/* Lower-case hexadecimal, not all zero. */
static bool is_id(const char *text, size_t len)
{
	bool zero = true;

	for (size_t i = 0; i < len; i++) {
		if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
		zero = zero && text[i] == '0';
	}
	return !zero;
}

static bool is_hex(const char *text)
{
	return is_id(text, 2) || !memcmp(text, "00", 2);
}

/* Section 3.2: a later version may be longer, but begins the same. */
static bool is_valid(const char *header, size_t len)
{
	if (len < TRACEPARENT_TEXT || !is_hex(header) || !memcmp(header, "ff", 2))
		return false;
	if (len > TRACEPARENT_TEXT && (!memcmp(header, "00", 2) || header[TRACEPARENT_TEXT] != '-'))
		return false;
	return header[2] == '-' && header[AT_PARENT_ID - 1] == '-' && header[AT_FLAGS - 1] == '-' &&
	       is_id(header + AT_TRACE_ID, TRACE_ID_TEXT) && is_id(header + AT_PARENT_ID, PARENT_ID_TEXT) &&
	       is_hex(header + AT_FLAGS);
}

/* An id of ours makes good trace and parent ids: unique, and its time helps whoever looks at many. */
static void put_ids(struct traceparent *trace, bool new_trace)
{
	uint8_t id[16];

	uuid_v7(id);
	if (new_trace)
		sodium_bin2hex(trace->trace_id, sizeof trace->trace_id, id, sizeof id);
	memcpy(trace->text, "00-", 3);
	memcpy(trace->text + AT_TRACE_ID, trace->trace_id, TRACE_ID_TEXT);
	trace->text[AT_PARENT_ID - 1] = '-';
	sodium_bin2hex(trace->text + AT_PARENT_ID, PARENT_ID_TEXT + 1, id + 8, 8);
}

void traceparent_new(struct traceparent *trace_out)
{
	put_ids(trace_out, true);
	memcpy(trace_out->text + AT_FLAGS - 1, "-00", 4);
}

bool traceparent_continue(const char *header, size_t len, struct traceparent *trace_out)
{
	if (!is_valid(header, len)) {
		traceparent_new(trace_out);
		return false;
	}
	memcpy(trace_out->trace_id, header + AT_TRACE_ID, TRACE_ID_TEXT);
	trace_out->trace_id[TRACE_ID_TEXT] = '\0';
	put_ids(trace_out, false);
	memcpy(trace_out->text + AT_FLAGS - 1, header + AT_FLAGS - 1, 3);
	trace_out->text[TRACEPARENT_TEXT] = '\0';
	return true;
}
