/* What runs beside the system: keys for the bus, backup and restore. */
#include "cli/cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { Z85_TEXT = 41 };

int curve_keys_run(struct cli *cli)
{
	static const struct column columns[] = { { "variable", "variable", "变量" },
		{ "value", "value", "值" }, { NULL } };
	char public[Z85_TEXT], secret[Z85_TEXT];

	if (zmq_curve_keypair(public, secret))
		return complain(cli, CODE_REFUSED, TEXT_PROBLEM, "zmq_curve_keypair", zmq_strerror(errno));
	return show_rows(cli,
		json_pack("[{s:s,s:s},{s:s,s:s}]", "variable", "GUANXI_CURVE_PUBLIC_KEY", "value", public,
			"variable", "GUANXI_CURVE_SECRET_KEY", "value", secret),
		columns);
}

/* build/<mode>/bin is three levels below the checkout, whose scripts do the work. */
static int run_script(struct cli *cli, const char *name)
{
	const char *path =
		arena_printf(cli->arena, "%s/../../../deploy/backup/%s", cli->program_directory, name);
	const char *arguments[8] = { path };

	for (size_t i = 0; i < cli->word_count && i < 6; i++)
		arguments[i + 1] = cli->words[i];
	if (cli->state_is_named) /* else the scripts' own: that of their checkout */
		setenv("GUANXI_VAR", cli->state, 1);
	setenv("GUANXI_OUTPUT", cli->json ? "json" : "", 1);
	execv(path, (char *const *)arguments);
	return complain(cli, CODE_AWAY, TEXT_NO_TOOLS, path);
}

int backup_run(struct cli *cli)
{
	return run_script(cli, "backup");
}

int restore_run(struct cli *cli)
{
	return run_script(cli, "restore");
}
