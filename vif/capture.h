/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capturing: copies of frames that leave or enter a VIF, for whoever asked.
 *
 * A slot of FABRIC_TABLE_CAPTURE is one capture: which VIF, which ways, and a
 * ring of cells. Members put copies in where frames are charged; the reader
 * takes them out. Nobody waits: a copy that finds no room is counted as lost.
 * With no capture on, a frame costs one test of header->captures.
 *
 * The ring. `head` counts cells ever reserved, `tail` cells ever read; a record
 * takes one cell or several in a row. A writer reserves by moving `head`,
 * copies, and then writes each cell's `seq`, the first cell's last: position +
 * 1, with the top bit in all but the first, says that the cell holds what was
 * reserved there. A writer that dies in between leaves cells whose `seq` never
 * comes: the reader passes them over after a while, and nothing else is lost.
 *
 * Writers: the daemon makes and ends captures; any member writes records; the
 * one reader moves `tail`.
 */
#ifndef TOAMI_VIF_CAPTURE_H
#define TOAMI_VIF_CAPTURE_H

#include "vif/control.h"

#define CAPTURE_MAX   8 /* slots of the table, slot 0 among them */
#define CAPTURE_CELL  1024
#define CAPTURE_CELLS 8192

enum capture_state { CAPTURE_OFF, CAPTURE_ON };

/* What is written in front of a frame's bytes. */
struct capture_record {
	uint64_t time_ns; /* fabric_now() */
	uint32_t bytes;	  /* of the frame that follow */
	uint32_t wire_bytes;
	vif_ix vif;
	uint16_t cells;
	uint8_t way;   /* enum vif_way */
	uint8_t flags; /* FRAME_NEEDS_CSUM */
	uint32_t reserved[2];
};

static_assert(sizeof(struct capture_record) == 32, "capture record");

struct capture_cell {
	_Atomic uint64_t seq;
	uint8_t data[CAPTURE_CELL - sizeof(uint64_t)];
};

struct capture {
	uint32_t slot_link;
	_Atomic uint32_t state; /* enum capture_state */
	_Atomic vif_ix vif;
	_Atomic uint32_t ways;	/* bit 1 << enum vif_way */
	_Atomic uint32_t below; /* what passes VIFs below it, too */
	_Atomic uint32_t snap_bytes;
	_Atomic uint32_t sampled; /* only what `sample` or a program picks */
	_Atomic uint32_t turn;	  /* counts what it picks from */
	_Alignas(CACHE_LINE) _Atomic uint64_t head;
	_Atomic uint64_t lost; /* frames without room */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail;
	_Alignas(CACHE_LINE) struct capture_cell cell[CAPTURE_CELLS];
};

static inline struct capture *capture_at(const struct fabric *f, uint32_t ix)
{
	return (struct capture *)slot_at(&f->table[FABRIC_TABLE_CAPTURE], ix);
}

/* capture_any - does anybody look? */
static inline bool capture_any(const struct fabric *f)
{
	return atomic_load_explicit(&f->header->captures, memory_order_relaxed);
}

/**
 * capture_frame - @frame goes from @from to @to: a copy for every capture that
 * it passes
 * @again: @from is a host that it has reached before, and @to the lane there
 */
void capture_frame(const struct fabric *f, const struct arena *a,
		   const struct frame *frame, vif_ix from, vif_ix to,
		   bool again);

/* capture_sample - a program of @vif wants a copy of @frame, dropped or not:
 * for every capture there of what is sampled */
void capture_sample(const struct fabric *f, const struct arena *a,
		    const struct frame *frame, vif_ix vif, enum vif_way way);

/* --- for the daemon ----------------------------------------------------------
 */

/* What is captured. */
struct capture_order {
	vif_ix vif;
	uint32_t ways; /* bit 1 << enum vif_way */
	uint32_t snap_bytes;
	bool below;
	bool sampled;
};

/* capture_open - a capture, or 0: there are CAPTURE_MAX - 1 already */
uint32_t capture_open(struct fabric *f, const struct capture_order *o);

/* capture_close - nobody looks any more; the ring's pages are given back */
void capture_close(struct fabric *f, uint32_t ix);

/* --- for the reader ----------------------------------------------------------
 */

/* How long cells may be reserved and not written. */
#define CAPTURE_STALE_NS NSEC_PER_SEC

struct capture_reader {
	struct capture *ring;
	uint64_t waiting_since_ns; /* for the cell at the tail; 0: not */
	uint64_t passed_over;	   /* cells */
};

/* capture_read_start - from now on: what came before is not read */
void capture_read_start(struct capture_reader *r, struct capture *ring);

/**
 * capture_read - the next record
 * @data: gets the frame, at most @size bytes of it
 *
 * Returns false: there is none now.
 */
bool capture_read(struct capture_reader *r, uint64_t now_ns,
		  struct capture_record *record, uint8_t *data, uint32_t size);

#endif
