/* Follows events over SSE, also after a break, and prints each on a line. */
#include "cli/cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_MAX_BYTES = 1 << 20, PATIENCE_MS = 500 };

struct follower {
	struct cli *cli;
	char *line; /* the one that is coming in */
	size_t len;
	char kind[160], cursor[512],
		coming[512]; /* the cursor behind what was printed, and behind what is coming in */
	char *data;
	unsigned long left; /* to print; 0: no end */
	bool counts, enough;
};

/* "12:00:00.123  guanxi.customer.customer.created.v1  customers/…  name=…" */
static void print_event(struct follower *f, json_t *event)
{
	json_t *after = json_object_get(json_object_get(event, "data"), "after"), *value;
	const char *time = json_string_value(json_object_get(event, "time")), *name;

	printf("%s  %s  %s ", time ? time : "-", f->kind,
		json_string_value(json_object_get(event, "subject"))
			? json_string_value(json_object_get(event, "subject"))
			: "-");
	json_object_foreach(after, name, value)
	{
		char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

		printf(" %s=%s", name, text);
		free(text);
	}
	putchar('\n');
}

static void dispatch(struct follower *f)
{
	json_t *event = *f->data ? json_loads(f->data, 0, NULL) : NULL;

	if (!event)
		return;
	if (f->cli->json)
		puts(f->data);
	else
		print_event(f, event);
	fflush(stdout);
	json_decref(event);
	f->enough = f->counts && !--f->left;
}

static bool begins(const char *line, const char *with, const char **rest_out)
{
	size_t len = strlen(with);

	*rest_out = line + len;
	return !strncmp(line, with, len);
}

/* Our server sends one line of data an event. */
static void take_line(struct follower *f)
{
	const char *rest;

	if (begins(f->line, "event: ", &rest))
		snprintf(f->kind, sizeof f->kind, "%s", rest);
	else if (begins(f->line, "data: ", &rest))
		strcpy(f->data, rest);
	else if (begins(f->line, "id: ", &rest))
		snprintf(f->coming, sizeof f->coming, "%s", rest);
	if (*f->line)
		return;
	dispatch(f);
	memcpy(f->cursor, f->coming, sizeof f->cursor);
	*f->kind = *f->data = '\0';
}

static bool take(void *ctx, const char *bytes, size_t len)
{
	struct follower *f = ctx;

	for (size_t i = 0; i < len && !f->enough; i++) {
		if (bytes[i] == '\n') {
			f->line[f->len] = '\0';
			f->len = 0;
			take_line(f);
		} else if (f->len + 1 < LINE_MAX_BYTES && bytes[i] != '\r') {
			f->line[f->len++] = bytes[i];
		}
	}
	return !f->enough;
}

static const char *path_of(struct cli *cli)
{
	struct buffer path = { .arena = cli->arena };

	buffer_printf(&path, "/api/v1/events?from=%s", web_escape(cli, cli->from ? cli->from : "latest"));
	if (cli->types)
		buffer_printf(&path, "&types=%s", web_escape(cli, cli->types));
	if (cli->subject)
		buffer_printf(&path, "&subjects=%s", web_escape(cli, cli->subject));
	return path.data;
}

int tail_run(struct cli *cli)
{
	const struct timespec patience = { 0, PATIENCE_MS * 1000000 };
	struct follower f = { .cli = cli,
		.line = arena_alloc(cli->arena, LINE_MAX_BYTES),
		.data = arena_zalloc(cli->arena, LINE_MAX_BYTES),
		.counts = cli->count };

	if (cli->count && (f.left = strtoul(cli->count, NULL, 10)) == 0)
		return complain(
			cli, CODE_USAGE, TEXT_BAD_VALUE, "--count", cli->count, text_of(cli, TEXT_A_NUMBER));
	for (;;) {
		int code = web_stream(cli, path_of(cli), *f.cursor ? f.cursor : NULL, take, &f);

		if (code != CODE_AWAY || web_interrupted())
			return code;
		if (!*f.cursor)
			return complain(cli, CODE_AWAY, TEXT_AWAY, cli->url, "SSE");
		complain(cli, CODE_AWAY, TEXT_STREAM_BROKE);
		f.len = 0;
		nanosleep(&patience, NULL);
	}
}
