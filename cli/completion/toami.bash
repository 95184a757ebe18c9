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

# Properties of VIFs, with $1 before and $2 behind each.
_toami_properties() {
	local name
	for name in $("${COMP_WORDS[0]}" vif set --names 2>/dev/null); do
		echo "$1$name$2"
	done
}

_toami_property() {
	_toami_words "$(_toami_properties "" =)" "$1"
	compopt -o nospace 2>/dev/null
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
	at=$(_toami_argument_at 2 "-v --vif -a --address --stack -o --output $(_toami_properties -- "" | tr '\n' ' ')")
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
	-a | --address) _toami_words "auto none dhcp slaac" "$cur" ;;
	--stack) _toami_words "user kernel" "$cur" ;;
	-o | --output) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	*)
		if [[ $cur == -* && ${COMP_WORDS[1]} == trace ]]; then
			_toami_words "-o --output -v --vif -a --address $(_toami_properties -- "") -h --help --" "$cur"
		elif [[ $cur == -* ]]; then
			_toami_words "-v --vif -a --address --stack $(_toami_properties -- "") -h --help --" "$cur"
		else
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		fi
		;;
	esac
}

_toami_vif() {
	local cur=$1 prev=$2
	if ((COMP_CWORD == 2)); then
		_toami_words "ls show add set mv attach detach rm --help" "$cur"
		return
	fi
	if [[ $prev == -a || $prev == --address ]]; then
		_toami_words "auto none dhcp slaac" "$cur"
		return
	fi
	if [[ $cur != -* ]]; then
		case ${COMP_WORDS[2]} in
		set | add)
			if [[ $cur == /* || $COMP_CWORD == 3 ]]; then
				_toami_paths "$cur"
			elif [[ $prev != = && $cur != = ]]; then
				_toami_property "$cur"
			fi
			;;
		attach | detach)
			if [[ ${COMP_WORDS[2]} == attach && $COMP_CWORD == 3 ]]; then
				_toami_paths "$cur"
			else
				mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur")
			fi
			;;
		*) _toami_paths "$cur" ;;
		esac
		return
	fi
	case ${COMP_WORDS[2]} in
	set | mv) _toami_words "-h --help" "$cur" ;;
	attach | detach) _toami_words "-f --flow -h --help" "$cur" ;;
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

_toami_capture() {
	local cur=$1 prev=$2
	case $prev in
	-w | --write) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	-d | --direction) _toami_words "in out both" "$cur" ;;
	*)
		if [[ $cur == -* ]]; then
			_toami_words "-w --write -d --direction -r --recursive -S --sampled -s --snap -c --count -h --help" "$cur"
		else
			_toami_paths "$cur"
		fi
		;;
	esac
}

_toami() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_toami_words "run trace map vif port ss nstat top capture watch metrics save load status up down doctor version --help --version" "$cur"
		return
	fi
	case ${COMP_WORDS[1]} in
	run | trace) _toami_run "$cur" "$prev" ;;
	map)
		if ((COMP_CWORD == 2)); then
			_toami_words "ls get set rm dump --help" "$cur"
		elif [[ $cur == -* ]]; then
			case ${COMP_WORDS[2]} in
			ls) _toami_words "-j --json -h --help" "$cur" ;;
			get | dump) _toami_words "-i --ip -j --json -h --help" "$cur" ;;
			set | rm) _toami_words "-h --help" "$cur" ;;
			esac
		fi
		;;
	vif) _toami_vif "$cur" "$prev" ;;
	port) _toami_port "$cur" "$prev" ;;
	up) _toami_words "-s --subnet --subnet6 -h --help" "$cur" ;;
	top)
		if [[ $cur == -* ]]; then
			_toami_words "-i --interval -b --batch -n --count -h --help" "$cur"
		else
			_toami_paths "$cur"
		fi
		;;
	capture) _toami_capture "$cur" "$prev" ;;
	save) if [[ $cur == -* ]]; then _toami_words "-h --help" "$cur"; else _toami_paths "$cur"; fi ;;
	load)
		if [[ $cur == -* ]]; then
			_toami_words "-d --diff -h --help" "$cur"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		;;
	watch) _toami_words "-j --json -h --help" "$cur" ;;
	metrics) _toami_words "-h --help" "$cur" ;;
	ss | nstat)
		if [[ $cur != -* ]]; then
			_toami_paths "$cur"
		elif [[ ${COMP_WORDS[1]} == ss ]]; then
			_toami_words "-t --tcp -u --udp -l --listening -a --all -4 -6 -n --numeric -e --extended -o --options -i --info -H --no-header -j --json -h --help" "$cur"
		else
			_toami_words "-e --each -z --zeros -j --json -h --help" "$cur"
		fi
		;;
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
		_toami_words "-d --dir -f --foreground -s --subnet --subnet6 --resolver --metrics -h --help -V --version" "$cur"
	fi
}

complete -F _toami toami
complete -F _toamid toamid
