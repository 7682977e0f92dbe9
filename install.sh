#!/bin/sh
# PREFIX/bin gets the commands, PREFIX/lib/fjd what they need, PREFIX/share/man
# the manual. PREFIX/lib/fjd/installed lists all of it, relative to PREFIX; a
# name that ends in / is a directory that was not there before. The packages of
# fjd/requirements.txt come from the folder wheels beside this, or from pip.
set -eu
umask 022
unset TAR_OPTIONS GREP_OPTIONS
pythons="python3 python3.13 python3.12 python3.11 python3.10 python3.9\
 python3.8 python3.7 python3.6 python3.14 python3.15 python"

usage() {
    cat <<END
usage: ./${CALLED:-install.sh} [--user | --prefix DIR] [--python CMD]
       [--dry-run] [--uninstall] [--help]

Install fjd by copying it: one copy serves every Python from 3.6 on.

  --user        in ~/.local, which is the default unless you are root
  --prefix DIR  in DIR/bin, DIR/lib, DIR/share (as root: /usr/local)
  --python CMD  let this Python run it (default: python3 on the PATH)
  --dry-run     say what would be done, and do nothing
  --uninstall   remove what was installed there, and nothing else

DESTDIR, if set, is put before all paths. Exit codes: 0 done, 1 failed, 2 wrong
usage, 69 no Python 3.6 or later, 77 the place may not be written.
END
}

say() { printf '%s\n' "$@"; }
leave() { say "$@" && exit; }
absolute() { case $1 in /*) say "${1%/}" ;; *) say "$PWD/${1%/}" ;; esac; }

die() {  # die STATUS MESSAGE [WHAT TO DO]
    printf '%s: error: %s\n' "${CALLED:-install.sh}" "$2" >&2
    [ $# -lt 3 ] || printf '    try: %s\n' "$3" >&2
    exit "$1"
}

main() {
    here=$(dirname "$(readlink -f "$0")")
    prefix='' python='' verb=install is_dry=''
    read_options "$@"
    [ -n "$prefix" ] || [ "$(id -u)" -ne 0 ] || prefix=/usr/local
    prefix=$(absolute "${prefix:-${HOME:?it is not set}/.local}")
    root=${DESTDIR:+$(absolute "$DESTDIR")}$prefix
    list=$root/lib/fjd/installed
    "$verb"
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --prefix | --python)
            [ -n "${2-}" ] || die 2 "$1: it needs a value (see --help)"
            eval "${1#--}=\$2" && shift ;;
        --prefix=?*) prefix=${1#*=} ;;
        --python=?*) python=${1#*=} ;;
        --user) prefix=${HOME:?it is not set}/.local ;;
        --dry-run) is_dry=yes ;;
        --uninstall) verb=uninstall ;;
        --help | -h) usage; exit ;;
        *) die 2 "$1: no such option (see --help)" ;;
        esac
        shift
    done
}

install() {
    [ -f "$here/bin/fjd" ] || die 1 "$here: the rest of fjd is missing" \
        "running this where you have cloned or unpacked all of it"
    find_python
    open_stage
    fill_stage
    new=$(staged f)
    look_around
    [ -z "$is_dry" ] || leave \
        "Would install fjd $version in $root, for $("$python" -V):" "$new"
    prove "$stage"
    replace
    compile
    prove "$root"
    say "Installed fjd $version in $root, for $("$python" -V)."
    [ -n "${DESTDIR-}" ] || advise_path
    [ -z "$missing" ] || say "Missing:$missing. Without sh, workers are\
 background processes, on this machine only. To add it, type \"python3 -m pip\
 download --no-deps$missing\" where pip works, put what that gets into\
 $here/wheels, and run this again."
}

find_python() {  # python, and the first line of the commands
    wanted=$python
    is_good='import secrets, shutil, sys; sys.exit(sys.version_info < (3, 6))'
    for python in ${wanted:-$pythons} ""; do
        ! "$python" -c "$is_good" >/dev/null 2>&1 || break
    done
    [ -n "$python" ] ||
        die 69 "${wanted:-PATH}: no complete Python 3.6 or later" \
            "--python /path/to/another/python3 (with no space in it)"
    first="/usr/bin/env $python" where='import sys; print(sys.executable)'
    [ "${python#*/}" = "$python" ] || first=$("$python" -c "$where")
    version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$here/fjd/__init__.py")
}

open_stage() {  # a directory like PREFIX, from where rename(2) gets there
    stage=$root/.fjd.new.$$ made=''
    [ -z "$is_dry" ] || stage=$(mktemp -d)
    [ -d "$root" ] || made=./
    why=$(mkdir -p "$stage" 2>&1) || die 77 "$why" "--user, or --prefix DIR"
    trap clean_up EXIT
    trap 'exit 130' HUP INT PIPE TERM
}

clean_up() {  # what this made in vain
    rm -rf "$stage"
    for name in $(say "$made" | tr ' ' '\n' | sort -r); do remove "$name"; done
}

fill_stage() {
    lib=$stage/lib/fjd missing=''
    mkdir -p "$stage/bin" "$lib/wheels"
    for module in $(cd "$here" && find fjd -name '*.py' -o -name '*.rst'); do
        mkdir -p "$lib/${module%/*}" && cp "$here/$module" "$lib/$module"
    done
    for cmd in fjd fjd-dispatcher fjd-recruiter fjd-worker; do
        { say "#!$first" && tail -n +2 "$here/bin/$cmd"; } >"$stage/bin/$cmd"
    done
    [ ! -d "$here/share" ] || cp -R "$here/share" "$stage"
    while read -r pin hash; do
        [ "$pin" != "#" ] || continue
        if get "$pin" "${hash#*sha256:}"; then unpack
        else missing="$missing $pin"; fi
    done <"$here/fjd/requirements.txt"
    chmod -R u=rwX,go=rX "$stage"
    chmod 755 "$stage"/bin/*
}

get() {  # get PIN SHA256: the archive of a package
    name=${1%%==*}-${1##*==}
    cp "$here/wheels/$name"* "$root/lib/fjd/wheels/$name"* "$lib/wheels" \
        2>/dev/null || :
    has_archive "$2" || { download "$1" "$2" && has_archive "$2"; }
}

unpack() {  # what fjd imports, without the slow backports/__init__.py
    case $archive in
    *.whl) "$python" -m zipfile -e "$archive" "$stage/unpacked"
        mv "$stage/unpacked/sh.py" "$lib" ;;
    *) (cd "$lib" && tar -xzf - --no-same-owner --strip-components=2 \
        "$name/src/backports/configparser2") <"$archive" ;;
    esac
}

has_archive() {  # has_archive SHA256: the file that is what it should be
    for archive in "$lib/wheels/$name"*; do
        [ "$(sha256sum 2>/dev/null <"$archive")" != "$1  -" ] || return 0
    done
    return 1
}

download() {  # with the pip of any Python, unless that has just failed
    [ -z "$is_dry" ] && [ -z "$missing" ] || return
    for candidate in "$python" $pythons ""; do
        ! "$candidate" -m pip --version </dev/null >/dev/null 2>&1 || break
    done
    [ -n "$candidate" ] && say "Getting $1 with pip ..." || return
    say "$1 --hash=sha256:$2" >"$stage/pin"
    PIP_REQUIRE_VIRTUALENV=0 "$candidate" -m pip download -r "$stage/pin" \
        --require-hashes --no-deps --retries 1 --timeout 15 -d "$lib/wheels" \
        --disable-pip-version-check </dev/null >/dev/null 2>&1
}

staged() {  # staged TYPE: the files (f) or directories (d) in stage, sorted
    (cd "$stage" && find bin lib share -type "$1" 2>/dev/null) | sort
}

look_around() {  # for what cannot be replaced
    for directory in $(staged d); do
        [ -e "$root/$directory" ] || { made="$made $directory/" && continue; }
        [ -w "$root/$directory/" ] ||
            die 77 "$root/$directory: it may not be written" "--prefix DIR"
    done
    [ ! -L "$root/bin" ] || die 1 "$root/bin: a link, by which lib is lost" \
        "--prefix $(dirname "$(readlink -f "$root/bin")")"
    for file in $new; do
        [ -e "$root/$file" ] || [ -L "$root/$file" ] || continue
        grep -qxF "$file" "$list" 2>/dev/null || die 1 \
            "$root/$file: not from here" "removing it, or: pip uninstall fjd"
    done
}

prove() {  # prove DIR: what is there runs
    said=$("$1/bin/fjd-worker" --version 2>&1) ||
        die 1 "$1/bin/fjd-worker: does not run: $(say "$said" | tail -n 1)"
}

replace() {  # also what was killed an hour ago, or before
    old=$(cat "$list" 2>/dev/null || :)
    made="$made lib/fjd/ $(say "$old" | grep '/$' || :)"
    mkdir -p "$root/lib/fjd"
    write_list "$old $new $made"
    for directory in $(staged d | sort -r); do  # The commands come last.
        mkdir -p "$root/$directory"
        find "$stage/$directory" -maxdepth 1 -type f \
            -exec sh -c 'mv -f "$@" "$0"' "$root/$directory" {} +
    done
    write_list "$new $made"
    for name in $old; do grep -qxF "$name" "$list" || remove "$name"; done
    find "$root/" -maxdepth 1 -name '.fjd.new.*' -mmin +60 -exec rm -rf {} +
}

compile() {  # for each Python there is, which then starts in half the time
    write='import sys; exec(open(sys.argv[1] + "/fjd/bytecode.py").read())
use(sys.argv[1], False); from fjd.hosts.compiled import write_all
write_all(sys.argv[1])'
    for candidate in "$python" $pythons; do
        ! "$candidate" -c "$is_good" >/dev/null 2>&1 ||
            "$candidate" -I -c "$write" "$root/lib/fjd" || :
    done
}

write_list() {  # write_list NAMES: they have no spaces
    say "$1" | tr -s ' ' '\n' | grep . | sort -u >"$stage/installed"
    mv "$stage/installed" "$list"
}

remove() {  # a file and what Python has compiled it to, or a directory
    case $1 in
    *../*) ;;  # Not from here.
    */) rmdir "$root/${1#./}" 2>/dev/null || : ;;
    *.py) compiled=$root/${1%/*}/__pycache__
        rm -f "$root/$1" "$compiled/$(basename "$1" .py)".*.pyc*
        rmdir "$compiled" 2>/dev/null || : ;;
    *) rm -f "$root/$1" ;;
    esac
}

advise_path() {
    [ "$(command -v fjd-worker)" != "$prefix/bin/fjd-worker" ] || return 0
    files=.profile line="export PATH=\"$prefix/bin:\$PATH\""
    case ${SHELL-} in
    *csh) files=".tcshrc .cshrc" line="setenv PATH \"$prefix/bin:\$PATH\"" ;;
    *zsh) files=.zshrc ;;
    *fish) files=.config/fish/config.fish ;;
    *bash) files=".bash_profile .bash_login .profile" ;;
    esac
    for file in $files; do [ ! -e "${HOME-}/$file" ] || break; done
    say "Add this line to the end of ~/$file, and type it now:" "    $line"
}

uninstall() {
    [ -f "$list" ] || die 1 "$root: fjd is not installed there"
    files=$(grep -v '/$' "$list") directories=$(grep '/$' "$list" | sort -r)
    [ -z "$is_dry" ] || leave "Would remove in $root:" "$files" "$directories"
    rm -rf "$root"/.fjd.new.*
    for name in $files lib/fjd/installed $directories; do remove "$name"; done
    say "Removed fjd from $root."
    for place in "$root/lib/fjd" "${FJD_DIR:-${HOME-}/.fjd}"; do
        [ ! -d "$place" ] || say "Left: $place, with what is yours."
    done
}

main "$@"
