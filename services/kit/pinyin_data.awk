# Writes the tables of pinyin.c from Unihan_Readings.txt and Unihan_Variants.txt (standard input, in this order; Debian's
# unicode-data) and pinyin_data.txt (the variable `names`). Run it with LC_ALL=C: it works on bytes, so that mawk and gawk do
# the same.
#
# All toneless readings of a character, most frequent first: kHanyuPinlu is ordered by frequency, kMandarin names the customary
# one, kTGHZ2013 (the standard dictionary) and kXHC1983 add the others. Characters that none of these knows get the first two
# of kHanyuPinyin. A syllable with ü is spelled three ways: lv as it is typed, lu as it is often written, lyu as passports have it.

BEGIN {
	vowels("a", "\303\241 \303\240 \304\201 \307\216", "2 4 1 3")
	vowels("e", "\303\251 \303\250 \304\223 \304\233", "2 4 1 3")
	vowels("i", "\303\255 \303\254 \304\253 \307\220", "2 4 1 3")
	vowels("o", "\303\263 \303\262 \305\215 \307\222", "2 4 1 3")
	vowels("u", "\303\272 \303\271 \305\253 \307\224", "2 4 1 3")
	vowels("v", "\307\226 \307\230 \307\232 \307\234 \303\274", "1 2 3 4 5")
	vowels("e", "\303\252 \341\272\277 \341\273\201", "5 2 4")
	for (i = 128; i < 256; i++)
		byte[sprintf("%c", i)] = i
	while ((got = (getline line < names)) > 0)
		read_name(line)
	if (got < 0)
		die("cannot read " names)
}

# The simplified form; where Unihan lists several, or the character itself too (復: 复 and 復), the first other one.
$2 == "kSimplifiedVariant" {
	for (i = 3; i <= NF; i++)
		if (length($1) == 6 && length($i) == 6 && $i != $1) {
			simplified[++simplifications] = hex(substr($1, 3)) ", " hex(substr($i, 3))
			break
		}
}

$2 ~ /Variant$/ {
	next
}

/^U\+/ {
	if ($1 != character)
		flush()
	character = $1
	if ($2 == "kHanyuPinlu" || $2 == "kHanyuPinyin" || $2 == "kMandarin" || $2 == "kTGHZ2013" || $2 == "kXHC1983") {
		value = $0
		sub(/^[^\t]*\t[^\t]*\t/, "", value)
		said[$2] = value
	}
}

END {
	flush()
	for (n in also)
		if (!(n in set_of)) {
			new_set()
			add_also(n)
			keep_set(n)
		}
	if (failed)
		exit 1
	if (characters < 40000 || simplifications < 2000)
		die("Unihan gave only " characters + 0 " characters readings and " simplifications + 0 " a simplified form")
	write_syllables()
	write_sets()
	write_characters("base", 12288, 40959)
	write_characters("supplement", 131072, 205743)
	write_names()
	write_simplified()
}

function die(why)
{
	print "pinyin_data.awk: " why > "/dev/stderr"
	failed = 1
	exit 1
}

function vowels(plain, forms, tones,    form, tone, n, i)
{
	n = split(forms, form, " ")
	split(tones, tone, " ")
	for (i = 1; i <= n; i++) {
		plain_of[form[i]] = plain
		tone_of[form[i]] = tone[i]
	}
}

# "zh\xc7\x8eng" -> "zhang3"; "" for the vowel-less interjections (hm, ng), which would make every n and g ambiguous.
function plain_syllable(marked,    form, tone)
{
	tone = 5
	gsub(/\314\200|\314\201|\314\204|\314\214|\314\202/, "", marked)
	for (form in plain_of)
		if (index(marked, form)) {
			if (tone_of[form] != 5)
				tone = tone_of[form]
			sub(form, plain_of[form], marked)
		}
	if (marked !~ /^[a-z]+$/ || marked !~ /[aeiouv]/)
		return ""
	return marked tone
}

function hex(digits,    i, n)
{
	for (i = 1; i <= length(digits); i++)
		n = n * 16 + index("0123456789ABCDEF", substr(digits, i, 1)) - 1
	return n
}

# The code point of the UTF-8 sequence at the beginning of `text`; its length goes to `utf8_size`.
function code_point(text,    lead, i, n)
{
	lead = byte[substr(text, 1, 1)]
	utf8_size = lead >= 240 ? 4 : lead >= 224 ? 3 : 2
	n = lead % (lead >= 240 ? 8 : lead >= 224 ? 16 : 32)
	for (i = 2; i <= utf8_size; i++)
		n = n * 64 + byte[substr(text, i, 1)] % 64
	return n
}

function read_name(line,    part, n, i, rest)
{
	sub(/#.*/, "", line)
	n = split(line, part, " ")
	if (n == 0)
		return
	name_rows++
	rest = part[1]
	for (i = 2; i <= n; i++) {
		if (rest == "" || part[i] !~ /^[a-z]+[1-5]$/)
			die("pinyin_data.txt: a row is wrong: " line)
		name_character[name_rows, i - 1] = code_point(rest)
		name_reading[name_rows, i - 1] = part[i]
		also[code_point(rest)] = also[code_point(rest)] " " part[i]
		rest = substr(rest, utf8_size + 1)
	}
	if (rest != "" || n < 2 || n > 3)
		die("pinyin_data.txt: a row is wrong: " line)
	name_size[name_rows] = n - 1
}

# Appends a reading to `set` unless its toneless form is there; the spellings of ü follow one another.
function add(reading,    tone, text, spelled)
{
	if (reading == "")
		return
	tone = substr(reading, length(reading))
	text = substr(reading, 1, length(reading) - 1)
	add_spelling(text, tone)
	if (text ~ /v/) {
		spelled = text
		sub(/v/, "u", spelled)
		add_spelling(spelled, tone)
		spelled = text
		sub(/v/, "yu", spelled)
		add_spelling(spelled, tone)
	}
}

function add_spelling(text, tone)
{
	if ((text in in_set) || set_size == 8)
		return
	in_set[text] = 1
	set_size++
	set = set " " text tone
	is_syllable[text] = 1
}

function add_all(list, limit,    part, n, i)
{
	gsub(/[0-9.*]+:|\([0-9]*\)/, " ", list)
	gsub(/,/, " ", list)
	n = split(list, part, " ")
	for (i = 1; i <= n && i <= limit; i++)
		add(plain_syllable(part[i]))
}

function new_set()
{
	set = ""
	set_size = 0
	split("", in_set)
}

function add_also(n,    part, i, count)
{
	count = split(also[n], part, " ")
	for (i = 1; i <= count; i++)
		add(part[i])
}

# Ends a character: its set of readings gets a number, shared by all characters that read the same.
function flush(    n)
{
	n = hex(substr(character, 3))
	if (character != "") {
		new_set()
		add_all(said["kHanyuPinlu"], 8)
		add_all(said["kMandarin"], 1)
		add_all(said["kTGHZ2013"] " " said["kXHC1983"], 8)
		add_also(n)
		if (set == "")
			add_all(said["kHanyuPinyin"], 2)
	}
	keep_set(n)
	split("", said)
}

function keep_set(n)
{
	if (set == "")
		return
	if (!(set in set_number)) {
		set_number[set] = ++sets
		set_text[sets] = set
	}
	set_of[n] = set_number[set]
	characters++
	set = ""
}

function write_syllables(    text, i, j, n, swap)
{
	n = 0
	for (text in is_syllable)
		sorted[++n] = text
	for (i = 0; i <= name_rows; i++)
		for (j = 1; j <= name_size[i]; j++) {
			text = name_reading[i, j]
			sub(/[1-5]$/, "", text)
			if (!(text in is_syllable))
				die("pinyin_data.txt: no such syllable: " name_reading[i, j])
		}
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && sorted[j] < sorted[j - 1]; j--) {
			swap = sorted[j]
			sorted[j] = sorted[j - 1]
			sorted[j - 1] = swap
		}
	print "/* Made by pinyin_data.awk from Unihan and pinyin_data.txt; do not edit. */"
	print "static const struct pinyin_syllable syllables[] = {"
	for (i = 1; i <= n; i++) {
		printf "\t{ \"%s\", %d },\n", sorted[i], length(sorted[i])
		number_of[sorted[i]] = i - 1
	}
	print "};"
}

# A reading is the syllable's number times 8 plus the tone.
function packed(reading)
{
	return number_of[substr(reading, 1, length(reading) - 1)] * 8 + substr(reading, length(reading))
}

function write_sets(    i, j, n, part, at)
{
	print "/* Each set: how many readings, then the readings, most frequent first. Set 0 is empty. */"
	print "static const uint16_t reading_sets[] = {\n\t0,"
	at = 1
	for (i = 1; i <= sets; i++) {
		n = split(set_text[i], part, " ")
		set_at[i] = at
		at += n + 1
		printf "\t%d,", n
		for (j = 1; j <= n; j++)
			printf " %d,", packed(part[j])
		print ""
	}
	print "};"
	if (at > 65535)
		die("more reading sets than 16 bits number")
}

function write_characters(name, first, last,    i, n)
{
	printf "enum { %s_first = %d, %s_last = %d };\n", name, first, name, last
	printf "static const uint16_t %s_sets[] = {", name
	for (i = first; i <= last; i++) {
		n = (i in set_of) ? set_at[set_of[i]] : 0
		printf "%s%d,", (i - first) % 24 ? "" : "\n\t", n
	}
	print "\n};"
}

function write_names(    i)
{
	print "static const struct name_reading name_readings[] = {"
	for (i = 1; i <= name_rows; i++)
		printf("\t{ { %d, %d }, { %d, %d } },\n", name_character[i, 1], name_character[i, 2],
			packed(name_reading[i, 1]), name_size[i] > 1 ? packed(name_reading[i, 2]) : 0)
	print "};"
}

# Unihan_Variants.txt is ordered by code point, so the rows can be searched by halves.
function write_simplified(    i)
{
	print "static const struct simplification simplifications[] = {"
	for (i = 1; i <= simplifications; i++)
		print "\t{ " simplified[i] " },"
	print "};"
}
