/* status and show: what the admin ports say, and two tables of PostgreSQL. */
#include "deploy/cli/cli.h"
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static const char *trimmed(struct cli *cli, const char *text)
{
	return arena_strndup(cli->arena, text, strcspn(text, "\n"));
}

/* --- status */

static bool is_ready(struct cli *cli, const struct process *process, json_t *rows)
{
	const char *live = "", *ready = "";
	long live_status = 0, ready_status = 0;
	int code = web_admin(cli, process->admin, "/livez", &live_status, &live);

	if (code == CODE_DONE)
		code = web_admin(cli, process->admin, "/readyz", &ready_status, &ready);
	bool answers = code == CODE_DONE;

	json_array_append_new(rows,
		json_pack("{s:s,s:s,s:b,s:b,s:b,s:s}", "process", process->name, "admin", process->admin,
			"answers", answers, "live", live_status == 200, "ready", ready_status == 200,
			"detail", trimmed(cli, live_status == 200 ? ready : live)));
	return answers && live_status == 200 && ready_status == 200;
}

int status_run(struct cli *cli)
{
	static const struct column columns[] = { { "process", "process", "进程" },
		{ "admin", "admin port", "管理端口" }, { "answers", "answers", "应答" },
		{ "live", "live", "存活" }, { "ready", "ready", "就绪" }, { "detail", "detail", "说明" },
		{ NULL } };
	struct process *processes;
	json_t *rows = json_array();
	bool all_ready = true;
	size_t count;
	int code = installation_read(cli, &processes, &count);

	for (size_t i = 0; code == CODE_DONE && i < count; i++)
		if (processes[i].admin)
			all_ready &= is_ready(cli, &processes[i], rows);
	if (code != CODE_DONE) {
		json_decref(rows);
		return code;
	}
	show_rows(cli, rows, columns);
	return all_ready ? CODE_DONE : complain(cli, CODE_FOUND, TEXT_NOT_READY);
}

/* --- what pages of text say, line by line */

struct shown_metric {
	const char *metric, *en, *zh;
};

/* What makes rows of a line; `shown` ends with a NULL. */
typedef void line_reader(
	struct cli *cli, const struct shown_metric *shown, const char *process, char *text, json_t *rows);

/* Calls `line` for every line of a page of every process that has it; CODE_FOUND when one does not answer. */
static int each_line(
	struct cli *cli, const char *page, line_reader *line, const struct shown_metric *shown, json_t *rows)
{
	struct process *processes;
	size_t count;
	int code = installation_read(cli, &processes, &count);

	if (code != CODE_DONE)
		return code;
	for (size_t i = 0; i < count; i++) {
		const char *text;
		long status;

		if (!processes[i].admin)
			continue;
		if (web_admin(cli, processes[i].admin, page, &status, &text) != CODE_DONE) {
			code = complain(cli, CODE_FOUND, TEXT_AWAY, processes[i].name, processes[i].admin);
			continue;
		}
		if (status != 200)
			continue;
		char *at = arena_strdup(cli->arena, text);

		for (char *one; (one = strsep(&at, "\n"));)
			if (*one)
				line(cli, shown, processes[i].name, one, rows);
	}
	return code;
}

static int show_lines(struct cli *cli, const char *page, line_reader *line, const struct shown_metric *shown,
	const struct column *columns)
{
	json_t *rows = json_array();
	int code = each_line(cli, page, line, shown, rows);

	if (code == CODE_AWAY)
		json_decref(rows);
	else
		show_rows(cli, rows, columns);
	return code;
}

/* "write\tcustomers.update\texecute\t12.3", below a heading */
static void request_line(
	struct cli *cli, const struct shown_metric *none, const char *process, char *text, json_t *rows)
{
	const char *lane = strsep(&text, "\t"), *method = strsep(&text, "\t"), *step = strsep(&text, "\t");

	(void)cli, (void)none;
	if (text && strcmp(lane, "lane"))
		json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s,s:f}", "process", process, "lane",
						    lane, "method", method, "step", step, "ms", atof(text)));
}

int show_requests(struct cli *cli)
{
	static const struct column columns[] = { { "process", "process", "进程" }, { "lane", "lane", "通道" },
		{ "method", "method", "方法" }, { "step", "step", "步骤" }, { "ms", "ms", "毫秒" },
		{ NULL } };

	return show_lines(cli, "/requests", request_line, NULL, columns);
}

/* "name{label="value"} 3" of one of those metrics becomes a row. */
static void metric_line(
	struct cli *cli, const struct shown_metric *shown, const char *process, char *text, json_t *rows)
{
	size_t len = strcspn(text, "{ ");
	const char *value = strrchr(text, ' '), *quote = strchr(text, '"');

	for (; shown->metric; shown++)
		if (strlen(shown->metric) == len && !strncmp(text, shown->metric, len) && value)
			json_array_append_new(rows,
				json_pack("{s:s,s:s,s:s,s:s,s:f}", "process", process, "metric",
					shown->metric, "what",
					cli->language == LANGUAGE_ZH ? shown->zh : shown->en, "of",
					quote ? arena_strndup(cli->arena, quote + 1, strcspn(quote + 1, "\""))
					      : "",
					"value", atof(value)));
}

static const struct column metric_columns[] = { { "process", "process", "进程" }, { "what", "what", "指标" },
	{ "of", "of", "对象" }, { "value", "value", "数值" }, { NULL } };

int show_streams(struct cli *cli)
{
	static const struct shown_metric shown[] = {
		{ "guanxi_event_log_head", "newest position", "最新位置" },
		{ "guanxi_outbox_oldest_seconds", "oldest waiting event, s", "最久未入日志事件（秒）" },
		{ "guanxi_sse_connections", "SSE followers", "SSE 订阅数" },
		{ "guanxi_broker_subscriptions", "subscriptions", "订阅数" },
		{ "guanxi_event_gaps_total", "gaps read from the log", "从日志补读的次数" },
		{ NULL },
	};

	return show_lines(cli, "/metrics", metric_line, shown, metric_columns);
}

int show_lag(struct cli *cli)
{
	static const struct shown_metric shown[] = {
		{ "guanxi_consumer_lag_events", "events behind", "滞后事件数" },
		{ "guanxi_events_parked", "parked", "被搁置" },
		{ NULL },
	};

	return show_lines(cli, "/metrics", metric_line, shown, metric_columns);
}

/* --- PostgreSQL's */

/* A schema is named like its process, with "_" for "-". */
static const char *schema_of(struct cli *cli, const char *process)
{
	char *name = arena_strdup(cli->arena, process);

	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	return name;
}

static int parked_of(struct cli *cli, const struct process *process, json_t *rows)
{
	PGconn *connection = PQconnectdb(process->database);
	PGresult *result = PQexec(
		connection, arena_printf(cli->arena,
				    "SELECT consumer, stream, epoch, pos, subject_id, error, "
				    "to_char(parked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
				    " FROM \"%s\".event_parked ORDER BY consumer, stream, epoch, pos",
				    schema_of(cli, process->name)));
	int code = CODE_DONE;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		code = complain(cli, CODE_AWAY, TEXT_DATABASE_AWAY, trimmed(cli, PQerrorMessage(connection)));
	for (int i = 0; code == CODE_DONE && i < PQntuples(result); i++)
		json_array_append_new(rows,
			json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "process", process->name, "consumer",
				PQgetvalue(result, i, 0), "stream", PQgetvalue(result, i, 1), "position",
				PQgetvalue(result, i, 3), "subjectId", PQgetvalue(result, i, 4), "error",
				PQgetvalue(result, i, 5), "time", PQgetvalue(result, i, 6)));
	PQclear(result);
	PQfinish(connection);
	return code;
}

int show_parked(struct cli *cli)
{
	static const struct column columns[] = { { "process", "process", "进程" },
		{ "consumer", "consumer", "消费者" }, { "stream", "stream", "流" },
		{ "position", "position", "位置" }, { "subjectId", "record", "记录" },
		{ "time", "since", "时间" }, { "error", "why", "原因" }, { NULL } };
	struct process *processes;
	json_t *rows = json_array();
	size_t count;
	int code = installation_read(cli, &processes, &count);

	for (size_t i = 0; code == CODE_DONE && i < count; i++)
		if (processes[i].database)
			code = parked_of(cli, &processes[i], rows);
	if (code != CODE_DONE) {
		json_decref(rows);
		return code;
	}
	return show_rows(cli, rows, columns);
}

int show_jobs(struct cli *cli)
{
	static const struct column columns[] = { { "id", "id", "编号" }, { "kind", "kind", "类型" },
		{ "state", "state", "状态" }, { "done", "done", "已处理" }, { "total", "of", "总数" },
		{ "createTime", "created", "创建时间" }, { "problem", "problem", "问题" }, { NULL } };
	json_t *answer;

	TRY_CODE(web_call(cli, "GET", "/api/v1/jobs?limit=50", NULL, &answer));
	json_t *rows = json_incref(json_object_get(answer, "data"));

	json_decref(answer);
	return show_rows(cli, rows, columns);
}
