#include "deploy/cli/cli.h"
#include <stdio.h>
#include <string.h>

enum { PROCESSES_MAX = 64, FILE_MAX = 65536 };

const char *file_text(struct cli *cli, const char *path)
{
	char *text = arena_zalloc(cli->arena, FILE_MAX);
	FILE *file = fopen(path, "re");

	if (!file)
		return NULL;
	size_t len = fread(text, 1, FILE_MAX - 1, file);

	fclose(file);
	while (len && strchr(" \r\n", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static const char *variable_of(struct cli *cli, const char *process, const char *variable)
{
	return file_text(
		cli, arena_printf(cli->arena, "%s/supervise/%s/env/%s", cli->state, process, variable));
}

static void add(struct process *processes, size_t *count, struct process process)
{
	if (*count < PROCESSES_MAX && process.name && *process.name)
		processes[(*count)++] = process;
}

/* "customer=127.0.0.1:9102,…" */
static void read_option(struct cli *cli, struct process *processes, size_t *count)
{
	char *at = arena_strdup(cli->arena, cli->admin);

	for (char *entry; (entry = strsep(&at, ","));) {
		char *equals = strchr(entry, '=');

		if (equals)
			*equals = '\0';
		add(processes, count, (struct process){ entry, equals ? equals + 1 : entry, NULL });
	}
}

/* Engines have no admin port: supervision's order file names them all the same. */
static bool read_state(struct cli *cli, struct process *processes, size_t *count)
{
	const char *order = file_text(cli, arena_printf(cli->arena, "%s/supervise/order", cli->state));
	char *at = order ? arena_strdup(cli->arena, order) : NULL;

	for (char *name; (name = strsep(&at, "\n"));)
		add(processes, count,
			(struct process){ name, variable_of(cli, name, "GUANXI_ADMIN"),
				variable_of(cli, name, "GUANXI_DATABASE") });
	return order;
}

int installation_read(struct cli *cli, struct process **processes_out, size_t *count_out)
{
	struct process *processes = arena_zalloc(cli->arena, PROCESSES_MAX * sizeof *processes);

	*count_out = 0;
	*processes_out = processes;
	if (cli->admin)
		read_option(cli, processes, count_out);
	else if (!read_state(cli, processes, count_out))
		return complain(cli, CODE_AWAY, TEXT_NO_STATE, cli->state);
	return CODE_DONE;
}
