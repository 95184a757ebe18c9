/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a host counts, under the names of /proc/net/snmp and /proc/net/netstat,
 * so that they can be shown by those names. One writer: the holder of the
 * host's lock.
 */
#ifndef TOAMI_STACK_COUNTERS_H
#define TOAMI_STACK_COUNTERS_H

/*
 * H(group, name), X(group, name): group is the word that begins the line in
 * /proc. H: moved by every segment.
 */
#define STACK_COUNTERS(H, X)              \
	H(Ip, InReceives)                 \
	X(Ip, InHdrErrors)                \
	X(Ip, InAddrErrors)               \
	X(Ip, InUnknownProtos)            \
	X(Ip, InDiscards)                 \
	H(Ip, InDelivers)                 \
	H(Ip, OutRequests)                \
	X(Ip, OutDiscards)                \
	X(Ip, OutNoRoutes)                \
	X(Ip, ReasmTimeout)               \
	X(Ip, ReasmReqds)                 \
	X(Ip, ReasmOKs)                   \
	X(Ip, ReasmFails)                 \
	X(Ip, FragOKs)                    \
	X(Ip, FragFails)                  \
	X(Ip, FragCreates)                \
	X(Icmp, InMsgs)                   \
	X(Icmp, InErrors)                 \
	X(Icmp, InCsumErrors)             \
	X(Icmp, InDestUnreachs)           \
	X(Icmp, InTimeExcds)              \
	X(Icmp, InParmProbs)              \
	X(Icmp, InEchos)                  \
	X(Icmp, InEchoReps)               \
	X(Icmp, OutMsgs)                  \
	X(Icmp, OutDestUnreachs)          \
	X(Icmp, OutParmProbs)             \
	X(Icmp, OutEchos)                 \
	X(Icmp, OutEchoReps)              \
	X(Icmp, OutRateLimitGlobal)       \
	X(Tcp, ActiveOpens)               \
	X(Tcp, PassiveOpens)              \
	X(Tcp, AttemptFails)              \
	X(Tcp, EstabResets)               \
	X(Tcp, CurrEstab)                 \
	H(Tcp, InSegs)                    \
	H(Tcp, OutSegs)                   \
	X(Tcp, RetransSegs)               \
	X(Tcp, InErrs)                    \
	X(Tcp, OutRsts)                   \
	X(Tcp, InCsumErrors)              \
	X(Udp, InDatagrams)               \
	X(Udp, NoPorts)                   \
	X(Udp, InErrors)                  \
	X(Udp, OutDatagrams)              \
	X(Udp, RcvbufErrors)              \
	X(Udp, SndbufErrors)              \
	X(Udp, InCsumErrors)              \
	X(TcpExt, SyncookiesSent)         \
	X(TcpExt, SyncookiesRecv)         \
	X(TcpExt, SyncookiesFailed)       \
	X(TcpExt, PAWSEstab)              \
	X(TcpExt, PAWSActive)             \
	X(TcpExt, DelayedACKs)            \
	X(TcpExt, ListenOverflows)        \
	X(TcpExt, ListenDrops)            \
	H(TcpExt, TCPHPHits)              \
	H(TcpExt, TCPPureAcks)            \
	H(TcpExt, TCPHPAcks)              \
	X(TcpExt, TCPRenoRecovery)        \
	X(TcpExt, TCPSackRecovery)        \
	X(TcpExt, TCPSACKReneging)        \
	X(TcpExt, TCPFastRetrans)         \
	X(TcpExt, TCPSlowStartRetrans)    \
	X(TcpExt, TCPTimeouts)            \
	X(TcpExt, TCPLossProbes)          \
	X(TcpExt, TCPLossProbeRecovery)   \
	X(TcpExt, TCPDSACKOldSent)        \
	X(TcpExt, TCPDSACKOfoSent)        \
	X(TcpExt, TCPDSACKRecv)           \
	X(TcpExt, TCPDSACKUndo)           \
	X(TcpExt, TCPMTUPFail)            \
	X(TcpExt, TCPMTUPSuccess)         \
	X(TcpExt, TCPMTUProbes)           \
	X(TcpExt, TCPFullUndo)            \
	X(TcpExt, TCPSpuriousRTOs)        \
	X(TcpExt, TCPAbortOnData)         \
	X(TcpExt, TCPAbortOnClose)        \
	X(TcpExt, TCPAbortOnMemory)       \
	X(TcpExt, TCPAbortOnTimeout)      \
	X(TcpExt, TCPAbortOnLinger)       \
	X(TcpExt, TCPReqQFullDoCookies)   \
	X(TcpExt, TCPRcvCoalesce)         \
	X(TcpExt, TCPOFOQueue)            \
	X(TcpExt, TCPOFODrop)             \
	X(TcpExt, TCPOFOMerge)            \
	X(TcpExt, TCPRcvQDrop)            \
	X(TcpExt, TCPZeroWindowDrop)      \
	X(TcpExt, TCPChallengeACK)        \
	X(TcpExt, TCPSYNChallenge)        \
	X(TcpExt, TCPACKSkippedChallenge) \
	X(TcpExt, TCPWinProbe)            \
	X(TcpExt, TCPKeepAlive)           \
	X(TcpExt, TCPFastOpenActive)      \
	X(TcpExt, TCPFastOpenActiveFail)  \
	X(TcpExt, TCPFastOpenPassive)     \
	X(TcpExt, TCPFastOpenPassiveFail) \
	X(TcpExt, TCPFastOpenCookieReqd)  \
	X(TcpExt, OutOfWindowIcmps)       \
	X(TcpExt, TCPTimeWaitOverflow)    \
	X(TcpExt, TW)                     \
	X(TcpExt, TWRecycled)             \
	X(Arp, InRequests)                \
	X(Arp, InReplies)                 \
	X(Arp, OutRequests)               \
	X(Arp, OutReplies)                \
	X(Arp, Failed)                    \
	X(Eth, InBad)                     \
	X(Eth, InForeign)

/* What every segment moves lies in one cache line: segments of the two sides of
 * a connection are counted by different cores. */
enum stack_counter {
#define SOME(group, name) COUNT_##group##_##name,
#define NONE(group, name)
	STACK_COUNTERS(SOME, NONE) STACK_COUNTERS(NONE, SOME)
#undef NONE
#undef SOME
		STACK_COUNTER_MAX
};

#endif
