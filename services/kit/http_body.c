#include "kit/http.h"

#include <string.h>

/* Where in the chunked coding (RFC 9112 7.1) the next byte stands. */
enum step {
	SIZE,
	EXTENSION_START,
	EXTENSION_NAME,
	EXTENSION_VALUE_START,
	EXTENSION_VALUE,
	EXTENSION_QUOTED,
	EXTENSION_ESCAPED,
	EXTENSION_END,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	END,
};

enum {
	SIZE_DIGITS_MAX = 16, /* of 64 bits; more would be padding that serves nobody */
};

void http_body_init(struct http_body *body, const struct http_head *head, const struct http_limits *limits,
	uint64_t limit_bytes)
{
	*body = (struct http_body){
		.framing = head->framing,
		.step = SIZE,
		.left_bytes = head->framing == HTTP_LENGTH ? head->content_length : 0,
		.limit_bytes = limit_bytes,
		.framing_limit_bytes = limits->framing_size_bytes,
	};
}

static bool refuse(struct http_refusal *refusal, unsigned status, enum message message)
{
	*refusal = (struct http_refusal){ status, message };
	return false;
}

static enum http_result decode_length(struct http_body *body, size_t size, size_t *consumed_out,
	size_t *decoded_out, struct http_refusal *refusal)
{
	size_t taken = size < body->left_bytes ? size : (size_t)body->left_bytes;

	if (body->left_bytes > body->limit_bytes - body->decoded_bytes) {
		refuse(refusal, 413, MSG_TOO_LARGE);
		return HTTP_REFUSED;
	}
	body->left_bytes -= taken;
	body->decoded_bytes += taken;
	*consumed_out = *decoded_out = taken;
	return body->left_bytes == 0 ? HTTP_READY : HTTP_NEED_MORE;
}

/* --- one function for each step; each judges one byte and says in body->step what the next one is --- */

static int hex_value(unsigned char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool step_size(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	int digit = hex_value(byte);

	if (digit >= 0) {
		if (body->size_digits++ == SIZE_DIGITS_MAX)
			return refuse(refusal, 400, MSG_HTTP_CHUNK_SIZE_LONG);
		body->left_bytes = body->left_bytes << 4 | (unsigned)digit;
		return true;
	}
	if (body->size_digits == 0 || (byte != '\r' && byte != ';'))
		return refuse(refusal, 400, MSG_HTTP_CHUNK_SIZE_BAD);
	if (body->left_bytes > body->limit_bytes - body->decoded_bytes)
		return refuse(refusal, 413, MSG_TOO_LARGE);
	body->step = byte == ';' ? EXTENSION_START : SIZE_LF;
	return true;
}

static bool is_token(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z') ||
	       (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

static bool is_text(unsigned char byte)
{
	return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

/*
 * Extensions mean nothing to us (RFC 9112 7.1.1): they are checked against their grammar, without the white
 * space that it tolerates, so that nobody can hide a line end in one, and may not go on for ever.
 */
static bool refuse_extension(struct http_refusal *refusal)
{
	return refuse(refusal, 400, MSG_HTTP_CHUNK_EXTENSION);
}

static bool step_extension_start(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = EXTENSION_NAME;
	return is_token(byte) || refuse_extension(refusal);
}

/* What may follow a name or value that is complete. */
static bool step_extension_end(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = byte == ';' ? EXTENSION_START : SIZE_LF;
	return byte == ';' || byte == '\r' || refuse_extension(refusal);
}

static bool step_extension_name(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	if (is_token(byte))
		return true;
	if (byte != '=')
		return step_extension_end(body, byte, refusal);
	body->step = EXTENSION_VALUE_START;
	return true;
}

static bool step_extension_value_start(
	struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = byte == '"' ? EXTENSION_QUOTED : EXTENSION_VALUE;
	return byte == '"' || is_token(byte) || refuse_extension(refusal);
}

static bool step_extension_value(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	return is_token(byte) || step_extension_end(body, byte, refusal);
}

static bool step_extension_quoted(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	if (byte == '"')
		body->step = EXTENSION_END;
	else if (byte == '\\')
		body->step = EXTENSION_ESCAPED;
	return is_text(byte) || refuse_extension(refusal);
}

static bool step_extension_escaped(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = EXTENSION_QUOTED;
	return is_text(byte) || refuse_extension(refusal);
}

static bool step_size_lf(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	if (byte != '\n')
		return refuse(refusal, 400, MSG_HTTP_CHUNK_SIZE_END);
	body->step = body->left_bytes > 0 ? DATA : TRAILER_START;
	return true;
}

static bool step_data_cr(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = DATA_LF;
	return byte == '\r' || refuse(refusal, 400, MSG_HTTP_CHUNK_END);
}

static bool step_data_lf(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = SIZE;
	body->size_digits = 0;
	return byte == '\n' || refuse(refusal, 400, MSG_HTTP_CHUNK_END);
}

static bool step_trailer_start(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = byte == '\r' ? END_LF : TRAILER_NAME;
	body->trailer_name[0] = (char)byte;
	body->trailer_size = 1;
	return byte == '\r' || is_token(byte) || refuse(refusal, 400, MSG_HTTP_TRAILER_LINE);
}

static bool step_trailer_name(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	if (byte != ':') {
		if (body->trailer_size < sizeof(body->trailer_name))
			body->trailer_name[body->trailer_size++] = (char)byte;
		return is_token(byte) || refuse(refusal, 400, MSG_HTTP_TRAILER_LINE);
	}
	body->step = TRAILER_VALUE;
	/* RFC 9110 6.5.1: framing, routing, credentials and conditions cannot come behind what they are
	 * about. */
	return http_name_lookup((struct http_slice){ body->trailer_name, body->trailer_size }) ==
		       HTTP_OTHER ||
	       refuse(refusal, 400, MSG_HTTP_TRAILER_NAME);
}

static bool step_trailer_value(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	if (byte == '\r')
		body->step = TRAILER_LF;
	return byte == '\r' || is_text(byte) || refuse(refusal, 400, MSG_HTTP_TRAILER_VALUE);
}

static bool step_trailer_lf(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = TRAILER_START;
	return byte == '\n' || refuse(refusal, 400, MSG_HTTP_TRAILER_END);
}

static bool step_end_lf(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	body->step = END;
	return byte == '\n' || refuse(refusal, 400, MSG_HTTP_BODY_END);
}

static const struct {
	bool (*judge)(struct http_body *body, unsigned char byte, struct http_refusal *refusal);
	bool is_ballast; /* counts towards framing_limit_bytes */
} steps[] = {
	[SIZE] = { step_size, false },
	[EXTENSION_START] = { step_extension_start, true },
	[EXTENSION_NAME] = { step_extension_name, true },
	[EXTENSION_VALUE_START] = { step_extension_value_start, true },
	[EXTENSION_VALUE] = { step_extension_value, true },
	[EXTENSION_QUOTED] = { step_extension_quoted, true },
	[EXTENSION_ESCAPED] = { step_extension_escaped, true },
	[EXTENSION_END] = { step_extension_end, true },
	[SIZE_LF] = { step_size_lf, false },
	[DATA_CR] = { step_data_cr, false },
	[DATA_LF] = { step_data_lf, false },
	[TRAILER_START] = { step_trailer_start, true },
	[TRAILER_NAME] = { step_trailer_name, true },
	[TRAILER_VALUE] = { step_trailer_value, true },
	[TRAILER_LF] = { step_trailer_lf, true },
	[END_LF] = { step_end_lf, false },
};

static bool step_over(struct http_body *body, unsigned char byte, struct http_refusal *refusal)
{
	if (steps[body->step].is_ballast && ++body->framing_bytes > body->framing_limit_bytes)
		return refuse(refusal, 400, MSG_HTTP_FRAMING_TOO_LARGE);
	return steps[body->step].judge(body, byte, refusal);
}

/* Moves what is here of the current chunk down to the decoded bytes. */
static size_t take_data(struct http_body *body, char *to, const char *from, size_t size)
{
	size_t taken = size < body->left_bytes ? size : (size_t)body->left_bytes;

	if (to != from)
		memmove(to, from, taken);
	body->left_bytes -= taken;
	body->decoded_bytes += taken;
	if (body->left_bytes == 0)
		body->step = DATA_CR;
	return taken;
}

enum http_result http_body_decode(struct http_body *body, char *data, size_t size, size_t *consumed_out,
	size_t *decoded_out, struct http_refusal *refusal_out)
{
	size_t read = 0, written = 0;

	if (body->framing != HTTP_CHUNKED)
		return decode_length(body, size, consumed_out, decoded_out, refusal_out);
	while (read < size && body->step != END) {
		if (body->step == DATA) {
			size_t taken = take_data(body, data + written, data + read, size - read);

			read += taken;
			written += taken;
		} else if (!step_over(body, (unsigned char)data[read++], refusal_out)) {
			return HTTP_REFUSED;
		}
	}
	*consumed_out = read;
	*decoded_out = written;
	return body->step == END ? HTTP_READY : HTTP_NEED_MORE;
}
