#!/bin/sh
# Draws docs/picture/session.svg: boots the demo in QEMU, logs on, runs two commands, and draws what the terminal showed.
# Only the kernel's own lines are left out; the picture says how many. Fails if the session is not the expected one.
# The demo's own homes are not touched.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
command=${NODEOS:-$here/nodeos}
work=$(mktemp -d)
machine=
trap '[ -z "$machine" ] || kill "$machine" 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    printf 'docs/picture/make.sh: %s. The session so far:\n' "$1" >&2
    cat -v "$work/errors" "$work/console" >&2
    exit 1
}

# Waits until so many lines of the console have the text.
wait_for() {
    tries=0
    until [ "$(grep -acF -- "$1" "$work/console")" -ge "$2" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || fail "no \"$1\" within 300 seconds"
        kill -0 "$machine" 2>/dev/null || fail "the machine ended before \"$1\""
        sleep 1
    done
}

# Types a line, a moment after the console shows what it answers.
type_at() {
    wait_for "$1" "$2"
    sleep 2
    printf '%s\n' "$3" >&3
}

mkfifo "$work/keys"
XDG_STATE_HOME=$work/state "$command" run --append loglevel=7 <"$work/keys" >"$work/console" 2>"$work/errors" &
machine=$!
exec 3>"$work/keys"
wait_for "Hello! I'm a user init script :-)" 1
type_at 'username:' 2 nodeos
type_at 'password:' 1 nodeos
type_at '/ $ ' 1 ls
type_at '/ $ ' 2 ./init
wait_for '/ $ ' 3
printf '\001x' >&3
status=0
wait "$machine" || status=$?
machine=
[ "$status" = 130 ] || fail "ctrl-a x ended nodeos run with status $status, not 130"

# What the screen showed: no carriage returns, no cursor movements; nothing after the last prompt.
escape=$(printf '\033')
{
    # shellcheck disable=SC2016
    printf '$ ./nodeos run --append loglevel=7\n'
    grep -m 1 '^\[run\]' "$work/errors"
    tr -d '\r' <"$work/console" | sed "s/$escape\[[0-9;]*[A-Za-z]//g" | awk '
        /^\[ *[0-9.]+\] / && !/\] nodeos: / && !/\] Run \/init/ { hidden++; next }
        /^\/ \$ / && ++prompts == 3 { exit }
        { shown = shown $0 "\n" }
        END { printf "(%d more lines of the kernel)\n%s/ $ \n", hidden, shown }'
} >"$work/session"
for line in 'Welcome to NodeOS!: username:  nodeos' '/ $ ls' '/ $ ./init' "Hello! I'm a user init script :-)" \
    "[ 'bin', 'dev', 'etc', 'init', 'lib', 'lib64', 'proc', 'share', 'tmp', 'usr' ]"; do
    grep -Fxq -- "$line" "$work/session" || fail "no line \"$line\""
done
grep -q '\] nodeos: up; PID 1 holds' "$work/session" || fail 'PID 1 does not say that it is up'

awk '
    function escaped(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text); return text }
    function styled(class, text) { return "<tspan class=\"" class "\">" escaped(text) "</tspan>" }
    function drawn(line,   at) {
        if (line ~ /^\(|^\[run\]/) return styled("dim", line)
        if (line ~ /^\$ /) return styled("prompt", "$ ") styled("typed", substr(line, 3))
        if (line ~ /^\/ \$ /) return styled("prompt", "/ $ ") styled("typed", substr(line, 5))
        if (match(line, /\[ *[0-9]+\.[0-9]+\] /)) {
            at = RSTART + RLENGTH
            return styled("prompt", substr(line, 1, RSTART - 1)) styled("dim", substr(line, RSTART, RLENGTH)) styled("log", substr(line, at))
        }
        if (match(line, /^Welcome to NodeOS!: [a-z]+: */))
            return styled("prompt", substr(line, 1, RLENGTH)) styled("typed", substr(line, RLENGTH + 1))
        return escaped(line)
    }
    { lines[NR] = $0; if (length($0) > columns) columns = length($0) }
    END {
        width = int(columns * 8.5) + 40; height = NR * 20 + 34
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", width, height, width, height
        print "<title>A terminal: NodeOS boots, a user logs on and runs two commands</title>"
        print "<style>text { font: 14px ui-monospace, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; fill: #d7dae0; white-space: pre }"
        print ".dim { fill: #929ba8 } .log { fill: #8fbcdb } .prompt { fill: #9ccf8a } .typed { fill: #fff; font-weight: bold }</style>"
        print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1b1f27\" stroke=\"#4a515e\"/>"
        for (row = 1; row <= NR; row++)
            printf "<text x=\"20\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", row * 20 + 16, drawn(lines[row])
        printf "<rect x=\"%d\" y=\"%d\" width=\"8\" height=\"16\" fill=\"#d7dae0\"/>\n</svg>\n", 20 + length(lines[NR]) * 8.43, NR * 20 + 3
    }' "$work/session" >"$work/session.svg"
mv "$work/session.svg" "$here/docs/picture/session.svg"
printf 'docs/picture/session.svg\n'
