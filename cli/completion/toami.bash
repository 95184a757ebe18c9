# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# bash completion for toami(1) and toamid(8)

# Paths of VIFs; no daemon is started for them, and none is needed.
_toami_paths() {
	mapfile -t COMPREPLY < <(compgen -W \
		"$("${COMP_WORDS[0]}" vif ls -q 2>/dev/null)" -- "$1")
}

_toami_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# The first word from $1 on that is no option; an option of $2 takes a value.
_toami_argument_at() {
	local i
	for ((i = $1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			echo $((i + 1))
			return
			;;
		-*) [[ " $2 " == *" ${COMP_WORDS[i]} "* ]] && ((i++)) ;;
		*)
			echo "$i"
			return
			;;
		esac
	done
	echo "$COMP_CWORD"
}

_toami_run() {
	local cur=$1 prev=$2 at
	at=$(_toami_argument_at 2 "-v --vif -a --address --stack")
	if ((at < COMP_CWORD)); then
		# The program's own words: as if it had been typed alone.
		if declare -F _command_offset >/dev/null; then
			_command_offset "$at"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		return
	fi
	case $prev in
	-v | --vif) _toami_paths "$cur" ;;
	-a | --address) _toami_words "auto none" "$cur" ;;
	--stack) _toami_words "user kernel" "$cur" ;;
	*)
		if [[ $cur == -* ]]; then
			_toami_words "-v --vif -a --address --stack -h --help --" "$cur"
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		fi
		;;
	esac
}

_toami_vif() {
	local cur=$1 prev=$2
	if ((COMP_CWORD == 2)); then
		_toami_words "ls show add rm --help" "$cur"
		return
	fi
	if [[ $prev == -a || $prev == --address ]]; then
		_toami_words "auto none" "$cur"
		return
	fi
	if [[ $cur != -* ]]; then
		_toami_paths "$cur"
		return
	fi
	case ${COMP_WORDS[2]} in
	ls) _toami_words "-j --json -q --quiet -h --help" "$cur" ;;
	show) _toami_words "-j --json -h --help" "$cur" ;;
	add) _toami_words "-a --address -h --help" "$cur" ;;
	rm) _toami_words "-r --recursive -h --help" "$cur" ;;
	esac
}

_toami_port() {
	local cur=$1 prev=$2
	if ((COMP_CWORD == 2)); then
		_toami_words "ls add rm --help" "$cur"
	elif [[ ${COMP_WORDS[2]} == add && $COMP_CWORD == 3 ]]; then
		_toami_words "tap -h --help" "$cur"
	elif [[ $prev == -a || $prev == --address ]]; then
		_toami_words "auto" "$cur"
	elif [[ $cur != -* ]]; then
		_toami_paths "$cur"
	else
		case ${COMP_WORDS[2]} in
		ls) _toami_words "-j --json -h --help" "$cur" ;;
		add) _toami_words "-n --name -a --address -u --uplink --gateway --gateway6
			--no-offload --bare -h --help" "$cur" ;;
		rm) _toami_words "-h --help" "$cur" ;;
		esac
	fi
}

_toami() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_toami_words "run vif port status up down doctor version --help --version" "$cur"
		return
	fi
	case ${COMP_WORDS[1]} in
	run) _toami_run "$cur" "$prev" ;;
	vif) _toami_vif "$cur" "$prev" ;;
	port) _toami_port "$cur" "$prev" ;;
	up) _toami_words "-s --subnet --subnet6 -h --help" "$cur" ;;
	status | doctor) _toami_words "-j --json -h --help" "$cur" ;;
	down | version) _toami_words "-h --help" "$cur" ;;
	esac
}

_toamid() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if [[ $prev == -d || $prev == --dir ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	else
		_toami_words "-d --dir -f --foreground -s --subnet --subnet6 --resolver -h --help -V --version" "$cur"
	fi
}

complete -F _toami toami
complete -F _toamid toamid
