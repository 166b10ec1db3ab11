/* SPDX-License-Identifier: MIT */
#pragma once

#include "sim/world/diagnosis.h"

/*
 * What the files of the diagnosis share.
 *
 * A stop is a collective, or a message, in which ranks wait and which cannot be completed.
 */

typedef struct {
    const DdpGroup *group;
    uint64_t seq;
    bool is_message;
    bool is_open;                 /* a receive from anybody: one of @missing would do, but itself */
    DdpCallDifference difference; /* among those who came */
    bool late;
    GArray *waiting; /* of int, rising: who waits in it */
    GArray *came;    /* who has come to it, those who went on included */
    GArray *missing; /* members that have not come; the peer of a message */
} DdpStop;

typedef struct {
    const DdpWorld *world;
    DdpBackend backend;
    int size;
    GPtrArray *stops;  /* of DdpStop, by their lowest waiting rank */
    int *stop_of;      /* by rank: index; -1 if it does not wait */
    GArray *everybody; /* (nullable) of int */
    DdpDiagnosis *out;
} DdpInquiry;

/* ---- diagnosis_stops.c ---- */

void ddp_stop_free(void *stop);
void ddp_inquiry_find_stops(DdpInquiry *inquiry);

/* Where the trouble began. */
typedef struct {
    const DdpStop *stop;
    GArray *circle; /* (nullable) of int: each waits for the next and the last for the first */
} DdpOrigin;

DdpOrigin ddp_inquiry_origin(const DdpInquiry *inquiry);
/* (transfer full): those of @stop's missing members that do not wait, and so never come. */
GArray *ddp_stop_gone(const DdpInquiry *inquiry, const DdpStop *stop);

/* ---- ranks ---- */

GArray *ddp_rank_list(void);
int ddp_first_rank(const GArray *ranks);
/* Adds @few to the blamed if they are fewer than @others. */
void ddp_blame_fewer(DdpInquiry *inquiry, const GArray *few, const GArray *others);
void ddp_blame(DdpInquiry *inquiry, const GArray *ranks);

static inline const DdpRankVerdict *
ddp_verdict_of(const DdpInquiry *inquiry, int rank)
{
    return ddp_world_rank_verdict(inquiry->world, rank);
}

static inline bool
ddp_is_message(const DdpCall *call)
{
    return call->kind == DDP_CALL_SEND || call->kind == DDP_CALL_RECV;
}

/* ---- what a rank calls ---- */

#define DDP_STEPS_MAX 64

/* Calls from where a rank stands on: the one it waits in, those begun behind it, those foreseen. */
typedef struct {
    DdpForeseen steps[DDP_STEPS_MAX]; /* a signature of 0 is not known */
    int count;
    bool whole; /* there are no more */
} DdpSteps;

void ddp_steps_of(const DdpInquiry *inquiry, int rank, DdpSteps *steps);
bool ddp_step_same_place(const DdpForeseen *a, const DdpForeseen *b);

/* How often @rank has called from where @call was made. */
uint64_t ddp_calls_from(const DdpInquiry *inquiry, int rank, const DdpCall *call);

/* ---- diagnosis_gap.c ---- */

/* Some wait in @stop for @gone, who never come. */
void ddp_explain_missing(DdpInquiry *inquiry, const DdpStop *stop, const GArray *gone);
/* A loop that went round more often on @longer; false if there is none. */
bool ddp_explain_loop(DdpInquiry *inquiry, const GArray *longer, const GArray *shorter);

/* ---- diagnosis_meet.c ---- */

void ddp_explain_meeting(DdpInquiry *inquiry, const DdpStop *stop);
void ddp_explain_late(DdpInquiry *inquiry, const DdpStop *stop);

/* The same calls, as far as is known, but in another order. @length: (out): how many at first */
bool ddp_steps_are_reordered(const DdpSteps *a, const DdpSteps *b, int *length);
/* @b is what follows in @a after some calls. @extra: (out): how many */
bool ddp_steps_have_extra(const DdpSteps *a, const DdpSteps *b, int *extra);

/* ---- diagnosis_chain.c ---- */

void ddp_explain_circle(DdpInquiry *inquiry, const GArray *circle);
void ddp_explain_message(DdpInquiry *inquiry, const DdpStop *stop);
/* A circle that messages are part of. */
void ddp_explain_message_circle(DdpInquiry *inquiry, const GArray *circle);
/* (transfer full): "rank 0 waits in ... for rank 1, which waits in ... for rank 0". */
char *ddp_chain_text(const DdpInquiry *inquiry, const GArray *circle);

/* ---- diagnosis_words.c ---- */

/* "is", "are". */
const char *ddp_is_or_are(const GArray *ranks);
/* (transfer full): "file:12". */
char *ddp_site_text(const DdpSite *site);
/* "file:12", with ", called from file:30" where the line itself does not tell calls apart. */
char *ddp_place_text(const DdpSite *site, const DdpSite *via);
char *ddp_call_place_text(const DdpCall *call);
/* "all_reduce", "all_reduce of {0,1}". */
char *ddp_kind_text(const DdpRankVerdict *verdict);
/* "all_reduce(float32[4], sum)", with the group where it is not the world. */
char *ddp_call_text(const DdpRankVerdict *verdict);
/* "has left after barrier at f:12", "waits in ...", "has failed". */
char *ddp_whereabouts_text(const DdpInquiry *inquiry, int rank);
/* What becomes of the job when nobody explains. */
char *ddp_hang_text(const DdpInquiry *inquiry);
char *ddp_death_text(const DdpInquiry *inquiry);
/* Of two calls that met and differ: the backend may hang, abort or not notice at all. */
char *ddp_mismatch_text(const DdpInquiry *inquiry, const DdpCall *a, const DdpCall *b,
                        DdpCallDifference difference);
