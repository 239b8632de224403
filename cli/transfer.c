/* import and export: a file, a job, and its end. */
#include "cli/cli.h"
#include <stdio.h>
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

int import_run(struct cli *cli)
{
	static const struct column columns[] = { { "id", "job", "任务" }, { "state", "state", "状态" },
		{ "created", "created", "新建" }, { "refused", "refused", "拒绝" },
		{ "refusedFileId", "refused rows", "拒绝行文件" }, { NULL } };
	const char *slash = strrchr(cli->words[0], '/'), *name = slash ? slash + 1 : cli->words[0];
	json_t *file, *job;

	TRY_CODE(web_upload(cli, arena_printf(cli->arena, "/api/v1/files?name=%s", web_escape(cli, name)),
		cli->words[0], &file));
	json_t *body = json_pack("{s:O}", "fileId", json_object_get(file, "id"));

	json_decref(file);
	TRY_CODE(web_call(cli, "POST",
		arena_printf(
			cli->arena, "/api/v1/%s:import", cli->collection ? cli->collection : "customers"),
		body, &job));
	TRY_CODE(finish(cli, job, &job));
	json_t *rows = json_array();

	json_array_append_new(rows, job);
	return show_rows(cli, rows, columns);
}

int export_run(struct cli *cli)
{
	json_t *job, *body = json_pack("{s:s}", "format", cli->format ? cli->format : "csv");

	if (cli->query)
		json_object_set_new(body, "q", json_string(cli->query));
	TRY_CODE(web_call(
		cli, "POST", arena_printf(cli->arena, "/api/v1/%s:export", cli->words[0]), body, &job));
	TRY_CODE(finish(cli, job, &job));
	const char *path = arena_printf(cli->arena, "/api/v1/files/%s", text_in(job, "resultFileId"));

	json_decref(job);
	return web_download(cli, path, cli->to ? cli->to : "-");
}
