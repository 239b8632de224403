#include "deploy/cli/cli.h"
#include <stdarg.h>
#include <stdio.h>

#define TEXT(NAME, en, zh) [TEXT_##NAME] = { en, zh },
static const char *const texts[TEXT_COUNT][2] = {
	[TEXT_NONE] = { "", "" },
#include "deploy/cli/text.def"
};
#undef TEXT

const char *text_of(const struct cli *cli, enum text text)
{
	return texts[text][cli->language == LANGUAGE_ZH];
}

int complain(const struct cli *cli, int code, enum text text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	fputs("guanxi: ", stderr);
	vfprintf(stderr, text_of(cli, text), arguments);
	fputc('\n', stderr);
	va_end(arguments);
	return code;
}

void say(const struct cli *cli, enum text text, ...)
{
	va_list arguments;

	va_start(arguments, text);
	vprintf(text_of(cli, text), arguments);
	va_end(arguments);
}
