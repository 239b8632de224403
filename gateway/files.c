/*
 * Files pass through in chunks, so that one of a gigabyte costs us no more than one of a kilobyte: the client
 * is stopped while the service has not taken what is under way, and the service is not asked for more than
 * the client has taken.
 */
#include "gateway/files.h"
#include "gateway/body.h"
#include "gateway/list_query.h"
#include "gateway/standard.h"
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BYTES = 256 * 1024,
	FILE_CALL_MS = 30000,
};

/* Fields of the messages in the definition of the service that keeps files. */
enum begin_field { BEGIN_NAME = 1, BEGIN_MEDIA_TYPE };
enum append_field { APPEND_ID = 1, APPEND_CHUNK, APPEND_DATA };
enum finish_field { FINISH_ID = 1 };
enum read_field { READ_ID = 1, READ_CHUNK };
enum read_reply_field { READ_REPLY_FILE = 1, READ_REPLY_DATA, READ_REPLY_LAST };
enum file_field { FILE_ID = 1, FILE_NAME = 2, FILE_MEDIA_TYPE = 5 };

enum file_method { BEGIN_FILE, APPEND_FILE, FINISH_FILE, READ_FILE, FILE_METHODS };

/* Which service keeps files is told by who defines these. */
static struct {
	const char *names[FILE_METHODS];
	const char *queue;
	const struct schema_message *file;
} keeper;

static void find_method(enum file_method which, const char *name)
{
	const struct schema *schema = schema_get();

	for (size_t i = 0; i < schema->method_count; i++) {
		const struct schema_method *method = &schema->methods[i];
		const char *dot = strchr(method->name, '.');

		if (!dot || strcmp(dot + 1, name))
			continue;
		keeper.names[which] = method->name;
		if (which != BEGIN_FILE)
			continue;
		char *queue = malloc(strlen(method->service) + sizeof ".work");

		if (!queue)
			abort();
		strcpy(stpcpy(queue, method->service), ".work");
		free((char *)keeper.queue);
		keeper.queue = queue;
		keeper.file = method->output;
	}
}

void files_open(void)
{
	find_method(BEGIN_FILE, "BeginFile");
	find_method(APPEND_FILE, "AppendFile");
	find_method(FINISH_FILE, "FinishFile");
	find_method(READ_FILE, "ReadFile");
}

void files_close(void)
{
	free((char *)keeper.queue);
	keeper.queue = NULL;
}

const struct schema_message *files_message(void)
{
	return keeper.file;
}

/* --- uploads --- */

struct upload {
	struct call *call;
	char *chunk; /* what has come and is not sent yet */
	size_t len;
	uint32_t next_chunk;
	uint64_t bus_id; /* of the chunk that the service has not confirmed yet: one, since its digest goes in
			    order; 0: none */
	const char *file_id; /* NULL: not begun */
	bool whole;          /* the client has sent everything */
	bool finishing, failed;
};

/* Safe to send again, all of them: chunks are numbered, and a file that is begun twice goes when it is not
 * finished. */
static uint64_t ask(struct upload *up, enum file_method method, struct buffer *body, bus_on_reply *on_reply)
{
	const struct call *call = up->call;
	const struct rpc rpc = {
		.queue = keeper.queue,
		.method = keeper.names[method],
		.principal_id = call->principal->asker,
		.rights_version = call->principal->rights_version,
		.traceparent = call->trace.text,
		.body = body->data,
		.body_len = body->len,
		.timeout_ms = FILE_CALL_MS,
		.idempotent = true,
		.on_reply = on_reply,
		.ctx = up,
	};

	return loop_call(call->loop, &rpc);
}

static void cancel_chunk(struct upload *up)
{
	if (up->bus_id)
		bus_client_cancel(up->call->loop->bus, up->bus_id);
	up->bus_id = 0;
}

static void fail_upload(struct upload *up)
{
	up->failed = true;
	cancel_chunk(up);
	call_resume(up->call, FAILED);
}

static void advance(struct upload *up);

static void on_appended(void *ctx, const struct bus_reply *reply)
{
	struct upload *up = ctx;

	up->bus_id = 0;
	if (call_take_reply(up->call, reply) == FAILED)
		fail_upload(up);
	else
		advance(up);
}

static void send_chunk(struct upload *up)
{
	size_t size = up->len < CHUNK_BYTES ? up->len : CHUNK_BYTES;
	struct arena *arena = arena_new(); /* a gigabyte of chunks must not stay in the call's */
	struct buffer body = { .arena = arena };

	wire_add_text(&body, APPEND_ID, up->file_id);
	wire_add_varint(&body, APPEND_CHUNK, up->next_chunk++);
	wire_add_bytes(&body, APPEND_DATA, up->chunk, size);
	up->bus_id = ask(up, APPEND_FILE, &body, on_appended);
	arena_free(arena);
	up->len -= size;
	memmove(up->chunk, up->chunk + size, up->len);
}

static void on_finished(void *ctx, const struct bus_reply *reply)
{
	struct upload *up = ctx;

	up->call->bus_id = 0;
	call_resume(up->call, call_take_reply(up->call, reply));
}

static void finish(struct upload *up)
{
	struct buffer body = { .arena = up->call->arena };

	up->finishing = true;
	wire_add_text(&body, FINISH_ID, up->file_id);
	up->call->bus_id = ask(up, FINISH_FILE, &body, on_finished);
}

/* Does what can be done now: after each answer, and when bytes have come. */
static void advance(struct upload *up)
{
	if (up->file_id && !up->bus_id && (up->len >= CHUNK_BYTES || (up->whole && up->len)))
		send_chunk(up);
	if (up->whole && up->file_id && !up->len && !up->bus_id && !up->finishing)
		finish(up);
	if (up->whole)
		return;
	if (up->file_id && up->len < CHUNK_BYTES)
		exchange_resume_body(up->call->x);
	else
		exchange_pause_body(up->call->x);
}

static void on_begun(void *ctx, const struct bus_reply *reply)
{
	struct upload *up = ctx;
	struct wire_field id;

	up->call->bus_id = 0;
	if (call_take_reply(up->call, reply) == FAILED) {
		fail_upload(up);
		return;
	}
	if (!wire_find(reply->body, reply->body_len, FILE_ID, &id) || id.type != WIRE_BYTES) {
		standard_bad_reply(up->call);
		fail_upload(up);
		return;
	}
	up->file_id = arena_strndup(up->call->arena, id.bytes, id.len);
	advance(up);
}

/* Bytes may come while it is still being found out who sends them. */
static struct upload *upload_of(struct call *call)
{
	if (!call->upload) {
		call->upload = arena_zalloc(call->arena, sizeof *call->upload);
		call->upload->call = call;
		call->upload->chunk = arena_alloc(call->arena, CHUNK_BYTES + SERVER_INPUT_SIZE);
	}
	return call->upload;
}

static void on_body(struct exchange *x, struct http_slice chunk)
{
	struct upload *up = upload_of(x->context);

	if (up->failed)
		return;
	memcpy(up->chunk + up->len, chunk.data,
		chunk.size); /* at most SERVER_INPUT_SIZE beyond a chunk: then it is paused */
	up->len += chunk.size;
	advance(up);
}

void files_on_head(struct exchange *x)
{
	exchange_stream_body(x, FILES_UPLOAD_MAX, on_body);
	call_begin(x, true);
}

void files_on_whole(struct exchange *x)
{
	struct upload *up = upload_of(x->context);

	up->whole = true;
	if (!up->failed)
		advance(up);
}

static void on_close(struct exchange *x)
{
	struct call *call = x->context;

	cancel_chunk(call->upload);
	if (call->bus_id)
		bus_client_cancel(call->loop->bus, call->bus_id);
}

static enum progress decode_upload(struct call *call)
{
	struct http_slice type = http_head_get(call->x->head, HTTP_CONTENT_TYPE);
	struct query query = { .count = 0 };
	const char *name, *value, *file_name = NULL;

	while (query_next(call, &query, &name, &value)) {
		if (strcmp(name, "name"))
			query_refuse_unknown(call, name, "name");
		else
			file_name = value;
	}
	if (call->status == OK && (!file_name || !*file_name))
		call_fail_at(call, "/name", MSG_REQUIRED, NULL, NULL);
	if (call->status != OK)
		return FAILED;
	wire_add_text(&call->request, BEGIN_NAME, file_name);
	if (type.data)
		wire_add_bytes(&call->request, BEGIN_MEDIA_TYPE, type.data, type.size);
	return GO_ON;
}

static enum progress run_upload(struct call *call)
{
	struct upload *up = upload_of(call);

	up->whole = up->whole || !call->body_follows;
	call->x->on_close = on_close;
	call->bus_id = ask(up, BEGIN_FILE, &call->request, on_begun);
	return WAIT;
}

static enum progress encode_upload(struct call *call)
{
	call_add_header(
		call, "Location", arena_printf(call->arena, "/api/v1/files/%s", call->upload->file_id));
	return standard_encode_record(call, keeper.file, 201);
}

/* --- downloads --- */

struct download {
	struct loop *loop;
	struct exchange *x;
	struct principal *principal;
	struct traceparent trace;
	char id[37];
	uint32_t next_chunk;
	uint64_t bus_id;
	char *data; /* of the chunk that the client has not taken yet; NULL: none */
	size_t len;
	bool last;
};

static void download_free(struct download *down)
{
	principal_release(down->principal);
	free(down->data);
	free(down);
}

static void on_download_close(struct exchange *x)
{
	struct download *down = x->context;

	if (down->bus_id)
		bus_client_cancel(down->loop->bus, down->bus_id);
	download_free(down);
}

static uint64_t read_chunk(struct loop *loop, const struct principal *principal, const char *trace,
	const char *id, uint32_t chunk, bus_on_reply *on_reply, void *ctx)
{
	uint8_t body[2 + 36 + 1 + 10] = { READ_ID << 3 | WIRE_BYTES, 36 };
	size_t len = 2 + 36;

	memcpy(body + 2, id, 36);
	body[len++] = READ_CHUNK << 3 | WIRE_VARINT;
	for (; chunk >= 0x80; chunk >>= 7)
		body[len++] = (uint8_t)(chunk | 0x80);
	body[len++] = (uint8_t)chunk;
	const struct rpc rpc = {
		.queue = keeper.queue,
		.method = keeper.names[READ_FILE],
		.principal_id = principal->asker,
		.rights_version = principal->rights_version,
		.traceparent = trace,
		.body = body,
		.body_len = len,
		.timeout_ms = FILE_CALL_MS,
		.idempotent = true,
		.on_reply = on_reply,
		.ctx = ctx,
	};

	return loop_call(loop, &rpc);
}

static void take_chunk(struct download *down, const uint8_t *body, size_t len)
{
	struct wire_field f;

	if (wire_find(body, len, READ_REPLY_DATA, &f) && f.type == WIRE_BYTES && f.len) {
		down->data = malloc(f.len);
		if (!down->data)
			abort();
		memcpy(down->data, f.bytes, f.len);
		down->len = f.len;
	}
	down->last = wire_find(body, len, READ_REPLY_LAST, &f) && f.type == WIRE_VARINT && f.value;
}

static void on_chunk(void *ctx, const struct bus_reply *reply);

/* Gives the client what is there, then asks for more: never two chunks ahead of the client. */
static void pass_on(struct download *down)
{
	if (down->data && !exchange_stream_write(down->x, down->data, down->len))
		return; /* on_writable comes */
	free(down->data);
	down->data = NULL;
	if (down->last) {
		exchange_stream_end(down->x);
		download_free(down);
		return;
	}
	if (!down->bus_id)
		down->bus_id = read_chunk(down->loop, down->principal, down->trace.text, down->id,
			down->next_chunk++, on_chunk, down);
}

/* Half a file must not look like a whole one: the connection is cut. */
static void on_chunk(void *ctx, const struct bus_reply *reply)
{
	struct download *down = ctx;

	down->bus_id = 0;
	if (reply->outcome != BUS_ANSWERED || reply->status != OK) {
		exchange_abort(down->x); /* frees it */
		return;
	}
	take_chunk(down, reply->body, reply->body_len);
	pass_on(down);
}

static void on_download_writable(struct exchange *x)
{
	struct download *down = x->context;

	if (down->data)
		pass_on(down);
}

/* RFC 6266 with RFC 8187: every character but the plain ones as UTF-8 in percent form. */
static const char *disposition(struct call *call, const struct wire_field *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	struct buffer out = { .arena = call->arena };

	buffer_add_text(&out, "attachment; filename*=UTF-8''");
	for (size_t i = 0; i < name->len; i++) {
		unsigned char c = (unsigned char)name->bytes[i];

		if (c && strchr(plain, c))
			buffer_add(&out, &name->bytes[i], 1);
		else
			buffer_printf(&out, "%%%02X", c);
	}
	return out.data;
}

static void add_download_headers(struct call *call, const struct wire_field *file)
{
	struct wire_field name = { .bytes = "file", .len = 4 }, type;
	bool typed = wire_find(file->bytes, file->len, FILE_MEDIA_TYPE, &type) && type.type == WIRE_BYTES &&
		     type.len;

	wire_find(file->bytes, file->len, FILE_NAME, &name);
	call_add_header(call, "Content-Disposition", disposition(call, &name));
	call_add_header(call, "Content-Type",
		typed ? arena_strndup(call->arena, type.bytes, type.len) : "application/octet-stream");
	call_add_header(call, "Content-Security-Policy", "default-src 'none'; sandbox");
	call_add_header(call, "Cache-Control", "private, no-cache");
	call_add_common_headers(call);
}

/* From here on the exchange is a stream: what is needed later is copied, for the call's memory goes. */
static void begin_download(struct call *call, const struct bus_reply *reply, const struct wire_field *file)
{
	static const struct stream_events events = { .on_writable = on_download_writable };
	struct download *down = calloc(1, sizeof *down);

	if (!down)
		abort();
	*down = (struct download){ .loop = call->loop,
		.x = call->x,
		.principal = principal_hold(call->principal),
		.trace = call->trace,
		.next_chunk = 1 };
	memcpy(down->id, call->id, 36);
	take_chunk(down, reply->body, reply->body_len);
	add_download_headers(call, file);
	call->x->context = down;
	call->x->on_close = on_download_close;
	call->http_status = 200;
	call_account(call);
	const struct reply head = {
		.status = 200, .headers = call->headers, .header_count = call->header_count
	};

	exchange_stream_begin(call->x, &head, &events);
	pass_on(down);
}

static void on_first_chunk(void *ctx, const struct bus_reply *reply)
{
	struct call *call = ctx;
	struct wire_field file;

	call->bus_id = 0;
	if (call_take_reply(call, reply) == FAILED)
		call_resume(call, FAILED);
	else if (!wire_find(reply->body, reply->body_len, READ_REPLY_FILE, &file) || file.type != WIRE_BYTES)
		call_resume(call, standard_bad_reply(call));
	else
		begin_download(call, reply, &file);
}

static enum progress run_download(struct call *call)
{
	uint8_t id[16];

	if (!uuid_from_text(call->id, strlen(call->id), id))
		return call_fail(call, NOT_FOUND, MSG_NOT_FOUND, NULL);
	call->bus_id =
		read_chunk(call->loop, call->principal, call->trace.text, call->id, 0, on_first_chunk, call);
	return WAIT;
}

const struct endpoint upload_endpoint = {
	.decode = decode_upload,
	.run = run_upload,
	.encode = encode_upload,
	.streams_body = true,
};
const struct endpoint download_endpoint = {
	.decode = body_refuse_query,
	.run = run_download,
	.idempotent = true,
};
