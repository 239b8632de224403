/* import and export: a file, a job, and its end. */
#include "deploy/cli/cli.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_MS = 250 };

static bool has_ended(const char *state)
{
	return !strcmp(state, "succeeded") || !strcmp(state, "failed") || !strcmp(state, "cancelled");
}

static const char *text_in(json_t *row, const char *member)
{
	const char *text = json_string_value(json_object_get(row, member));

	return text ? text : "";
}

/* Asks until the job has ended; how far it is goes to stderr where a person looks on. */
static int wait_for(struct cli *cli, const char *id, json_t **job_out)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000 };
	const char *path = arena_printf(cli->arena, "/api/v1/jobs/%s", id);

	for (;;) {
		TRY_CODE(web_call(cli, "GET", path, NULL, job_out));
		if (isatty(STDERR_FILENO))
			fprintf(stderr, text_of(cli, TEXT_JOB_PROGRESS), text_in(*job_out, "state"),
				text_in(*job_out, "done"), text_in(*job_out, "total"));
		if (has_ended(text_in(*job_out, "state")))
			return CODE_DONE;
		json_decref(*job_out);
		if (web_interrupted())
			return CODE_REFUSED;
		nanosleep(&pause, NULL);
	}
}

/* Takes the reference to what began the job. */
static int finish(struct cli *cli, json_t *begun, json_t **job_out)
{
	const char *id = arena_strdup(cli->arena, text_in(begun, "id"));

	json_decref(begun);
	TRY_CODE(wait_for(cli, id, job_out));
	if (!strcmp(text_in(*job_out, "state"), "succeeded"))
		return CODE_DONE;
	int code = complain(
		cli, CODE_REFUSED, TEXT_JOB_FAILED, text_in(*job_out, "state"), text_in(*job_out, "problem"));

	json_decref(*job_out);
	return code;
}

/* --- import */

static json_t *import_body(const struct cli *cli, json_t *file)
{
	json_t *body = json_pack("{s:O}", "fileId", json_object_get(file, "id"));

	if (cli->policy)
		json_object_set_new(body, "policy", json_string(cli->policy));
	if (cli->key)
		json_object_set_new(body, "key", json_string(cli->key));
	if (cli->trial)
		json_object_set_new(body, "dryRun", json_true());
	return body;
}

static int keep_refused(struct cli *cli, json_t *job)
{
	const char *id = text_in(job, "refusedFileId");

	if (!cli->refused || !*id)
		return CODE_DONE;
	return web_download(cli, arena_printf(cli->arena, "/api/v1/files/%s", id), cli->refused);
}

int import_run(struct cli *cli)
{
	static const struct column columns[] = { { "id", "job", "任务" }, { "state", "state", "状态" },
		{ "created", "created", "新建" }, { "updated", "updated", "更新" },
		{ "skipped", "skipped", "跳过" }, { "refused", "refused", "拒绝" },
		{ "refusedFileId", "refused rows", "拒绝行文件" }, { NULL } };
	const char *slash = strrchr(cli->words[0], '/'), *name = slash ? slash + 1 : cli->words[0];
	const char *collection = web_escape(cli, cli->collection ? cli->collection : "customers");
	json_t *file, *job;

	TRY_CODE(web_upload(cli, arena_printf(cli->arena, "/api/v1/files?name=%s", web_escape(cli, name)),
		cli->words[0], &file));
	json_t *body = import_body(cli, file);

	json_decref(file);
	TRY_CODE(
		web_call(cli, "POST", arena_printf(cli->arena, "/api/v1/%s:import", collection), body, &job));
	TRY_CODE(finish(cli, job, &job));
	TRY_CODE(keep_refused(cli, job));
	json_t *rows = json_array();

	json_array_append_new(rows, job);
	return show_rows(cli, rows, columns);
}

/* --- export */

/* "a,b,c" */
static json_t *texts_of(struct cli *cli, const char *list)
{
	json_t *texts = json_array();
	char *at = arena_strdup(cli->arena, list);

	for (char *text; (text = strsep(&at, ","));)
		json_array_append_new(texts, json_string(text));
	return texts;
}

/* "filter[stage][in]=active,lost", as the API's body has it. */
static bool add_condition(struct cli *cli, const char *name, const char *value, json_t *body)
{
	char *field = NULL, *operator= NULL;
	bool good = sscanf(name, "filter[%m[^]]][%m[^]]]", &field, &operator) == 2;
	bool many = good && (!strcmp(operator, "in") || !strcmp(operator, "any") ||
				    !strcmp(operator, "all") || !strcmp(operator, "none"));

	if (good)
		json_array_append_new(json_object_get(body, "filter"),
			json_pack("{s:s,s:s,s:o}", "field", field, "operator", operator, "values",
				many ? texts_of(cli, value) : json_pack("[s]", value)));
	free(field);
	free(operator);
	return good;
}

static int add_list(struct cli *cli, json_t *body)
{
	char *at = arena_strdup(cli->arena, cli->filter);

	if (*at == '?')
		at++;
	json_object_set_new(body, "filter", json_array());
	for (char *part; (part = strsep(&at, "&"));) {
		const char *whole = web_unescape(cli, part);
		size_t len = strcspn(whole, "=");
		const char *name = arena_strndup(cli->arena, whole, len), *value = whole + len + 1;

		if (!whole[len])
			return complain(cli, CODE_USAGE, TEXT_BAD_FILTER, whole);
		if (!strcmp(name, "sort"))
			json_object_set_new(body, "sort", texts_of(cli, value));
		else if (!strcmp(name, "q"))
			json_object_set_new(body, "q", json_string(value));
		else if (!add_condition(cli, name, value, body))
			return complain(cli, CODE_USAGE, TEXT_BAD_FILTER, whole);
	}
	return CODE_DONE;
}

int export_run(struct cli *cli)
{
	json_t *job, *body = json_pack("{s:s}", "format", cli->format ? cli->format : "csv");
	int code = cli->filter ? add_list(cli, body) : CODE_DONE;

	if (code != CODE_DONE) {
		json_decref(body);
		return code;
	}
	if (cli->query)
		json_object_set_new(body, "q", json_string(cli->query));
	if (cli->fields)
		json_object_set_new(body, "fields", texts_of(cli, cli->fields));
	TRY_CODE(web_call(cli, "POST",
		arena_printf(cli->arena, "/api/v1/%s:export", web_escape(cli, cli->words[0])), body, &job));
	TRY_CODE(finish(cli, job, &job));
	const char *path = arena_printf(cli->arena, "/api/v1/files/%s", text_in(job, "resultFileId"));

	json_decref(job);
	return web_download(cli, path, cli->to ? cli->to : "-");
}
