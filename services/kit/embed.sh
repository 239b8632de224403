#!/bin/sh
# Writes a C file with the migrations of a folder as a table: embed.sh NAME FOLDER. The text is included by the assembler, so
# that a migration is in the binary byte by byte as it is in the tree.
name=$1 folder=$2
printf '/* Made by services/kit/embed.sh from %s. */\n#include "kit/migrate.h"\nextern const struct migration %s[];\n' "$folder" "$name"
i=0
for file in "$folder"/*.sql; do
	[ -e "$file" ] || continue
	printf '__asm__(".section .rodata\\n.global %s_%d\\n%s_%d: .incbin \\"%s\\"\\n.byte 0\\n.text\\n");\nextern const char %s_%d[];\n' \
		"$name" $i "$name" $i "$file" "$name" $i
	i=$((i + 1))
done
printf 'const struct migration %s[] = {\n' "$name"
i=0
for file in "$folder"/*.sql; do
	[ -e "$file" ] || continue
	printf '\t{ "%s", %s_%d },\n' "$(basename "$file" .sql)" "$name" $i
	i=$((i + 1))
done
printf '\t{ 0 },\n};\n'
