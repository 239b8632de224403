# shellcheck shell=bash
# The settings of the local system: one place that names each, says what it means and gives its default.
# shellcheck disable=SC2034 # who sources it uses them
# Sourced by the commands beside it, never run. Afterwards `top` is the checkout and these are set:
#   var     state: postgres/ secrets/ log/ backup/ app/ (the programs that run) supervise/ (the s6 scan directory)
#   run     sockets; var/run unless that path is too long for a socket address
#   account who runs it all: whoever calls, or for root the system user `guanxi`, for nothing here runs as root

: "${GUANXI_PORT:=8080}"               # the gateway, on loopback
: "${GUANXI_ADMIN_PORT:=9100}"         # the first admin port; the column `admin` of ./processes counts from here
: "${GUANXI_BROKERS:=1}"               # brokers side by side; the second one's admin port is the first's + 10
: "${GUANXI_POSTGRES_PORT:=}"          # PostgreSQL on this loopback port as well; empty: on its socket only
: "${GUANXI_VAR:=}"                    # the state directory; empty: var/ in the checkout
: "${GUANXI_MODE:=release}"            # which build to run: release, asan, tsan
: "${GUANXI_FREE_MB:=512}"             # do not start with less free space than this
: "${GUANXI_START_TIMEOUT_S:=60}"      # how long a process may take to become ready
: "${GUANXI_STOP_TIMEOUT_S:=30}"       # how long a process may take to stop before it is killed
: "${GUANXI_DEATHS:=5}"                # deaths of one process within a minute that stop the whole
: "${GUANXI_ADMIN_PASSWORD:=}"         # the first administrator's; empty: one is made and kept in var/admin-password

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
local_dir=$top/deploy/local
socket_path_max_bytes=107              # sockaddr_un.sun_path without its end, see unix(7)
socket_name_max_bytes=32               # the longest name of ours in $run

# What every database of the cluster must have: under plain C, pg_trgm finds no trigrams in Chinese.
encoding_wanted="UTF8 C.UTF-8 C.UTF-8"
encoding_query="select string_agg(distinct concat_ws(' ', pg_encoding_to_char(encoding), datcollate, datctype), ', ') from pg_database"
encoding_sentence() {
	say "the PostgreSQL cluster in $var/postgres has databases in '$1' but all must be in '$encoding_wanted' (Chinese text cannot be searched otherwise); move it away and restore a backup (make restore FROM=...)."
}

say() { printf '%s\n' "$*"; }
fail() {
	printf 'guanxi: %s\n' "$*" >&2
	exit 1
}

# rows FILE: its lines without comments
rows() { grep -Ev '^[[:space:]]*(#|$)' "$1"; }

# processes: "name program admin-port needs schema", one a line, each broker on a line of its own
processes() {
	local name program admin needs schema n
	rows "$local_dir/processes" | while read -r name program admin needs schema; do
		[[ $admin == - ]] || admin=$((GUANXI_ADMIN_PORT + admin))
		say "$name $program $admin $needs $schema"
		[[ $name == broker ]] || continue
		for ((n = 2; n <= GUANXI_BROKERS; n++)); do
			say "broker-$n $program $((admin + 10 * (n - 1))) $needs $schema"
		done
	done
}

process_names() { processes | cut -d' ' -f1; }
schemas() { processes | awk '$5 != "-" { print $5 }'; }

last_line() { "$local_dir/service/last-line" "$var/log/$1/current"; }

is_running() { s6-svscanctl -a "$scan" 2>/dev/null; }

# gone_wait: until supervision has ended, and with it all processes
gone_wait() {
	local deadline=$((SECONDS + GUANXI_STOP_TIMEOUT_S * 2))
	while is_running; do
		((SECONDS < deadline)) || fail "supervision did not end; see $var/log/supervision."
		sleep 0.02
	done
}

# as_account COMMAND...: runs it as the user that the whole system runs as
as_account() { "${account_prefix[@]}" "$@"; }

settings_check() {
	local name
	for name in GUANXI_PORT GUANXI_ADMIN_PORT GUANXI_BROKERS GUANXI_FREE_MB GUANXI_START_TIMEOUT_S GUANXI_STOP_TIMEOUT_S GUANXI_DEATHS; do
		[[ ${!name} =~ ^[0-9]{1,9}$ ]] || fail "$name is '${!name}' but must be a whole number."
	done
	[[ ${GUANXI_POSTGRES_PORT:-1} =~ ^[0-9]{1,5}$ ]] || fail "GUANXI_POSTGRES_PORT is '$GUANXI_POSTGRES_PORT' but must be a port number or empty."
	((GUANXI_BROKERS >= 1 && GUANXI_BROKERS <= 9)) || fail "GUANXI_BROKERS is $GUANXI_BROKERS but must be from 1 to 9."
	((GUANXI_PORT >= 1 && GUANXI_PORT <= 65535)) || fail "GUANXI_PORT is $GUANXI_PORT but must be from 1 to 65535."
	((GUANXI_ADMIN_PORT >= 1 && GUANXI_ADMIN_PORT <= 65400)) || fail "GUANXI_ADMIN_PORT is $GUANXI_ADMIN_PORT but must be from 1 to 65400."
	((GUANXI_DEATHS >= 2)) || fail "GUANXI_DEATHS is $GUANXI_DEATHS but must be at least 2."
}

# paths_set: account, account_prefix, var, scan, run, pg_bin and pg_port, without making anything
paths_set() {
	account=$(id -un)
	account_prefix=(env)
	if [[ $EUID == 0 ]]; then
		account=guanxi
		account_prefix=(setpriv --reuid="$account" --regid="$account" --clear-groups --no-new-privs env HOME=/)
	fi
	var=${GUANXI_VAR:-$top/var}
	[[ $var == /* ]] || var=$PWD/$var
	var=$(readlink -m "$var")
	scan=$var/supervise
	run=$var/run
	if ((${#run} + 1 + socket_name_max_bytes > socket_path_max_bytes)); then
		run=/run/guanxi-$(path_hash)
		[[ $EUID == 0 ]] || run=${XDG_RUNTIME_DIR:-/tmp}/guanxi-$EUID-$(path_hash)
	fi
	pg_port=${GUANXI_POSTGRES_PORT:-5432}
	pg_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
}
path_hash() { printf %s "$var" | cksum | cut -d' ' -f1; }

settings_check
paths_set
