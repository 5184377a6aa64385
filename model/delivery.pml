/*
 * The delivery protocol, for Spin: every order of the steps of two functions, the sweep, the user, IPD and the clock. Each step
 * is one write of a record, one request to IPD or one event, and names the function that it stands for, as PATH: NAME.
 * `npm run model` (model/check.ts) compiles and runs it; docs/delivery.md lists what is assumed.
 *
 * Time is abstract. A lease may end, by the sweep's clock, at any moment. The clock has one step for each upload in doubt, "the commit
 * window is over", and with LIVENESS another one, "the retry window is over". All uploads are of one size and for one work item. What is
 * bounded: the number of UPLOADS, of requests with a file (SENDS) and, if it is set, of FAULTS.
 *
 * Switches: BREAK_ breaks an assumption, WITHOUT_ removes a guard of the protocol; for each of these Spin must find an error. The others are
 * variants.
 */
#ifndef UPLOADS
#define UPLOADS 1
#endif
#ifndef SENDS
#define SENDS 2
#endif
#define COPIES (SENDS + 1)
#define NONE 7
/* The attachment of a person who uses IPD without the bridge; it has the same size. */
#define PERSON 6
#define THEIRS SENDS
#define BIT(c) (1 << (c))

#ifdef EQUAL_BYTES
#define SAME_BYTES(c, u) (copy[c].from != PERSON)
#elif defined(EQUAL_OLD_ATTACHMENT) || defined(BREAK_NO_EQUAL_FILE)
#define SAME_BYTES(c, u) (copy[c].from == u || copy[c].from == PERSON)
#else
#define SAME_BYTES(c, u) (copy[c].from == u)
#endif

/* With FAULTS a run has at most so many faults, retries and cancellations: two uploads have too many states otherwise. */
#ifdef FAULTS
byte faults;
#define MAY_FAIL (faults < FAULTS)
#define FAULT faults = (MAY_FAIL -> faults + 1 : faults)
#else
#define MAY_FAIL true
#define FAULT skip
#endif

mtype = { awaiting_upload, staged, delivering, waiting, unconfirmed, delivered, failed, expired, cancelled };
/* Of a copy in IPD: not sent, not decided yet, kept but not listed yet, kept and listed, dropped. */
mtype = { unsent, undecided, kept, listed, dropped };

/* lib/domain/upload.ts: uploadSchema. A time is here whether it has come. */
typedef Upload {
  mtype status = awaiting_upload;
  byte holder = NONE;
  bool isSending;
  bool doubt;
  bool accepted;
  bool absent;
  bool isWindowOver;
#ifdef LIVENESS
  bool isRetryOver;
  bool isRetried;
#endif
  bool hasBaseline;
  byte baseline;
  byte mismatches;
  byte duplicates;
  byte candidate = NONE;
  byte attachment = NONE;
  bool resent;
  bool recheck;
  byte recheckHolder = NONE
}

/* What IPD has, and lib/ledger/attachments.ts: claimAttachment. */
typedef Copy {
  mtype state = unsent;
  byte from = NONE;
  byte owner = NONE
}

Upload up[UPLOADS];
Copy copy[COPIES];
byte sends;
/* lib/ledger/work-items.ts: findHolder */
byte workItem = NONE;
/* True while the version of the work item that this function read is still the newest. */
bool isNewest[2];
bool isBusy[2];
/* The upload of a function that is behind the fence and has not sent the closing boundary. */
byte atBoundary[2] = NONE;
/* The upload that a function has sent, or was about to send, in this run. */
byte sender[2] = NONE;

#define KEPT(c) (copy[c].state == kept || copy[c].state == listed)
#define MAY_SHOW(c) (copy[c].state == undecided || copy[c].state == kept)
#define OF(c, u) (copy[c].from == u)
#if SENDS == 1
#define SUM(what, u) (what(0, u))
#elif SENDS == 2
#define SUM(what, u) (what(0, u) + what(1, u))
#elif SENDS == 3
#define SUM(what, u) (what(0, u) + what(1, u) + what(2, u))
#else
#define SUM(what, u) (what(0, u) + what(1, u) + what(2, u) + what(3, u))
#endif
#define KEPT_OF(c, u) (OF(c, u) && KEPT(c))
#define SHOWING_OF(c, u) (OF(c, u) && MAY_SHOW(c))
#define AT_BOUNDARY(u) (atBoundary[0] == u || atBoundary[1] == u)

/* lib/domain/upload.ts: isReady, isFinal, mayBeInIpd, occupiesWorkItem */
#define IS_READY(u) (up[u].status == staged || up[u].status == waiting || up[u].status == unconfirmed)
#define IS_FINAL(u) (up[u].status == delivered || up[u].status == failed || up[u].status == expired || up[u].status == cancelled)
#define MAY_BE_IN_IPD(u) (up[u].doubt || up[u].candidate != NONE || up[u].status == delivered || up[u].isSending)
#define OCCUPIES(u) ((up[u].status == delivered && up[u].recheckHolder != NONE) || (!IS_FINAL(u) && (up[u].status == delivering || MAY_BE_IN_IPD(u))))

/* lib/domain/schedule.ts: committedAt. No request of this upload can have an effect any more that the list does not show. */
#if defined(BREAK_COMMIT_WINDOW) || defined(BREAK_CLOCKS)
#define IPD_IS_DONE(u) true
#else
#define IPD_IS_DONE(u) (SUM(SHOWING_OF, u) == 0)
#endif
#ifdef BREAK_KILLED_IN_TIME
#define HOLDER_IS_DONE(u) true
#else
#define HOLDER_IS_DONE(u) (sender[0] != u && sender[1] != u)
#endif
#define WINDOW_MAY_END(u) (IPD_IS_DONE(u) && HOLDER_IS_DONE(u))

/* The promises; checked after every step that writes a record or changes what IPD has. */
#define ONE_COPY(u) (SUM(KEPT_OF, u) <= 1)
#define DELIVERED_HAS_COPY(u) (up[u].status != delivered || (SUM(KEPT_OF, u) >= 1 && (up[u].attachment == NONE || KEPT_OF(up[u].attachment, u))))
#define END_KNOWS_COPY(u) (!(up[u].status == failed || up[u].status == cancelled || up[u].status == expired) || up[u].doubt || (SUM(KEPT_OF, u) + SUM(SHOWING_OF, u) == 0 && !AT_BOUNDARY(u)))
/* Of equal files, each is the file of one upload that reckons with it, or is recorded as a duplicate. */
#define KEPT_OF_ANY(c, u) (copy[c].from != NONE && KEPT(c))
#define RECKONS(u) (MAY_BE_IN_IPD(u) || AT_BOUNDARY(u))
#define DUPLICATE(c, u) ((up[u].duplicates >> c) & 1)
/* One that is not claimed yet may still be rejected. */
#define OWN_DUPLICATE(c, u) (DUPLICATE(c, u) && copy[c].owner == u)
#define PROMISE(what, isKept) if :: isKept :: else -> printf("BROKEN "); printf(what); printf("\n"); assert(false) fi
inline check(u) {
#ifdef EQUAL_BYTES
  PROMISE("Each copy of equal files is reckoned with by one upload, or recorded as a duplicate", SUM(KEPT_OF_ANY, u) <= RECKONS(0) + RECKONS(1) + SUM(DUPLICATE, 0) + SUM(DUPLICATE, 1));
  PROMISE("There are as many copies of equal files as delivered uploads, and one more for each recorded duplicate", SUM(KEPT_OF_ANY, u) >= (up[0].status == delivered) + (up[1].status == delivered) + SUM(OWN_DUPLICATE, 0) + SUM(OWN_DUPLICATE, 1));
  PROMISE("The attachment of a delivered upload is such a file", up[u].attachment == NONE || KEPT_OF_ANY(up[u].attachment, u));
#else
  PROMISE("IPD keeps at most one copy of an upload", ONE_COPY(u));
  PROMISE("A delivered upload has a copy in IPD, and its attachment is that copy", DELIVERED_HAS_COPY(u));
  PROMISE("An upload that has failed, expired or been cancelled has no copy in IPD, unless it is in doubt", END_KNOWS_COPY(u));
#endif
#if UPLOADS > 1
  PROMISE("An attachment belongs to at most one upload", up[0].attachment == NONE || up[0].attachment != up[1].attachment);
#endif
}

#define SAY(what) printf("STEP function %d, upload %d: ", _pid + 1, u + 1); printf(what); printf("\n")
#define SAY_OF(who, u, what) printf("STEP "); printf(who); printf(", upload %d: ", u + 1); printf(what); printf("\n")

/* ---- Transitions ---- */

/* lib/domain/attempts.ts: unconfirmed */
inline toUnconfirmed(u) {
  up[u].status = unconfirmed;
  up[u].holder = NONE;
  up[u].isSending = false
}

/* A doubt from now on; the commit window begins anew. */
inline newDoubt(u, isAccepted) {
  up[u].doubt = true;
  up[u].accepted = isAccepted;
  up[u].absent = false;
  up[u].isWindowOver = false
}

inline noDoubt(u) {
  up[u].doubt = false;
  up[u].accepted = false;
  up[u].absent = false;
  up[u].isWindowOver = false
}

/* lib/domain/endings.ts: markDelivered */
inline markDelivered(u, c) {
  if
  :: up[u].status != delivered ->
    up[u].status = delivered;
    up[u].attachment = c;
    up[u].holder = NONE;
    up[u].isSending = false;
    up[u].candidate = NONE;
    up[u].recheck = up[u].resent;
    noDoubt(u)
  :: up[u].status == delivered && up[u].attachment == NONE -> up[u].attachment = c
  :: else
  fi
}

/* lib/domain/endings.ts: fail. With a doubt the code is `outcome_unknown`. */
inline fail(u) {
  if
  :: up[u].accepted -> markDelivered(u, NONE)
  :: else ->
    up[u].status = failed;
    up[u].holder = NONE;
    up[u].isSending = false
  fi
}

/* An upload in doubt is given up only after its commit window; if there are equal files, never. */
#if defined(BREAK_NOT_GIVEN_UP_BEFORE_EQUAL_FILE)
#define MAY_GIVE_UP(u) true
#elif defined(EQUAL_BYTES)
#define MAY_GIVE_UP(u) (!up[u].doubt)
#elif UPLOADS > 1
#define MAY_GIVE_UP(u) (!up[u].doubt || up[u].isWindowOver)
#else
#define MAY_GIVE_UP(u) true
#endif

/*
 * lib/domain/schedule.ts: giveUpAt. To prove the promises, an upload may be given up at any moment, and its user may retry it again
 * and again. To prove that each run ends, each of the two happens once: LIVENESS.
 */
#ifdef LIVENESS
#define IS_RETRY_OVER(u) up[u].isRetryOver
#define MAY_RETRY(u) (up[u].status == failed && !up[u].isRetried)
#else
#define IS_RETRY_OVER(u) true
#define MAY_RETRY(u) (up[u].status == failed)
#endif
#define MAY_END(u) (IS_RETRY_OVER(u) && up[u].candidate == NONE && MAY_GIVE_UP(u))

/* lib/domain/attempts.ts: postponed, exhausted. Without LIVENESS the sweep's giveUp comes at once, or not. */
inline postponed(u) {
  up[u].status = (up[u].doubt -> unconfirmed : waiting);
  up[u].holder = NONE;
  up[u].isSending = false;
#ifdef LIVENESS
  if :: MAY_END(u) -> fail(u) :: else fi
#endif
}

/* lib/domain/attempts.ts: rejectCandidate */
inline rejectCandidate(u, c) {
  up[u].mismatches = up[u].mismatches | BIT(c);
  up[u].duplicates = up[u].duplicates & ~BIT(c);
  if
  :: up[u].candidate == c ->
    up[u].candidate = NONE;
    i = 0;
    do
    :: i < COPIES && !(up[u].duplicates & BIT(i)) -> i++
    :: i < COPIES && (up[u].duplicates & BIT(i)) ->
      up[u].candidate = i;
      up[u].duplicates = up[u].duplicates & ~BIT(i);
      break
    :: i >= COPIES -> break
    od;
    i = 0;
    if
    :: up[u].candidate == NONE && (up[u].status == delivering || up[u].status == unconfirmed) ->
      if :: !up[u].doubt -> newDoubt(u, false) :: else fi;
      toUnconfirmed(u)
    :: else
    fi
  :: else
  fi
}

/* lib/ledger/attachments.ts: claimAttachment */
#ifdef WITHOUT_ATTACHMENT_CLAIM
#define MAY_CLAIM(c, u) true
#else
#define MAY_CLAIM(c, u) (copy[c].owner == NONE || copy[c].owner == u)
#endif

#ifdef WITHOUT_LEASE_AT_FENCE
#define HAS_LEASE(u) (up[u].status == delivering || up[u].status == waiting || up[u].status == staged)
#else
#define HAS_LEASE(u) (up[u].status == delivering && up[u].holder == _pid)
#endif
/* The record as this function has last read or written it. */
#define SEE(u) seenCandidate = up[u].candidate; isOut = ((up[u].mismatches & BIT(c)) != 0)
#define IS_HOLDER(u) (up[u].status == delivering && up[u].holder == _pid)

/* lib/domain/endings.ts: setCandidate. Whether this function may record this attachment as the upload's. */
#define IS_OWN(c, u) (up[u].candidate == c || (up[u].status == delivered && up[u].attachment == c))
#define IS_IN_IPD(u) (isNamed || up[u].accepted || (up[u].status == delivered && up[u].attachment == NONE))
#ifdef WITHOUT_LEASE_AT_MATCH
#define MAY_RECORD(c, u) true
#else
#define MAY_RECORD(c, u) (IS_OWN(c, u) || IS_IN_IPD(u) || IS_HOLDER(u))
#endif

#ifdef WITHOUT_BASELINE
#define BASELINE(u) 0
#else
#define BASELINE(u) up[u].baseline
#endif

/*
 * An atomic step that begins with `if` begins with `skip`: Spin takes an `else` of its first statement for one of all steps that are
 * possible here.
 */

/* Another attachment that IPD's answer names was listed before, or another upload owns it. */
#ifdef BREAK_NAMED_ID
#define MAY_BE_NAMED(c) KEPT(c)
#else
#define MAY_BE_NAMED(c) (KEPT(c) && (((shown | up[u].baseline | up[u].mismatches) & BIT(c)) || (copy[c].owner != NONE && copy[c].owner != u)))
#endif

/* ---- A function: one delivery, or one check for a second copy, at a time. It may die before each step ---- */

#define DIES :: atomic { MAY_FAIL; FAULT; SAY("the function dies"); goto over }

#define MAY_BEGIN (_pid == 0 || isBusy[0])
/* lib/domain/endings.ts: isRecheckDue. One commit window after the upload was delivered. */
#define IS_RECHECK_DUE(u) (up[u].status == delivered && up[u].recheck && up[u].recheckHolder == NONE && WINDOW_MAY_END(u))

active [2] proctype deliver() {
  byte u, c = NONE, i, shown, matches;
  byte seenCandidate = NONE;
  bool isOut, isNamed, isRecheck, seenDoubt, seenAccepted, seenAbsent, wasWindowOver, isAnswered;

over:
  atomic {
    atBoundary[_pid] = NONE;
    sender[_pid] = NONE;
    isNewest[_pid] = false;
    u = 0; c = NONE; i = 0; shown = 0; matches = 0; seenCandidate = NONE; isOut = false;
    isNamed = false; isRecheck = false; seenDoubt = false; seenAccepted = false; seenAbsent = false; wasWindowOver = false;
    isAnswered = false;
    isBusy[_pid] = false;
end_idle:
    /*
     * lib/delivery/deliver.ts: onRequest, onArrival; lib/domain/attempts.ts: claim, claimArrival. An old message may ask as well. The
     * functions are alike, so the second one begins only while the first one is busy.
     */
    if
    :: MAY_BEGIN && IS_READY(0) -> u = 0
    :: MAY_BEGIN && IS_RECHECK_DUE(0) -> u = 0; isRecheck = true
#if UPLOADS > 1
    :: MAY_BEGIN && IS_READY(1) -> u = 1
    :: MAY_BEGIN && IS_RECHECK_DUE(1) -> u = 1; isRecheck = true
#endif
    fi;
    isBusy[_pid] = true;
    if
    :: isRecheck ->
      /* lib/domain/endings.ts: beginRecheck */
      SAY("beginRecheck");
      up[u].recheckHolder = _pid;
      goto take
    :: else ->
      SAY("claim");
      up[u].status = delivering;
      up[u].holder = _pid;
      up[u].isSending = false;
      seenDoubt = up[u].doubt;
      seenAccepted = up[u].accepted;
      seenAbsent = up[u].absent;
      if
      :: up[u].candidate != NONE -> c = up[u].candidate; goto nominate
      :: else
      fi
    fi
  }

take:
  /* lib/ledger/work-items.ts: takeWorkItem. The first write, and the read of the upload that took the item last. */
  if
  DIES
#ifdef WITHOUT_WORK_ITEM_LOCK
  :: atomic { SAY("takeWorkItem"); goto taken }
#else
  :: atomic {
    skip;
    if
    :: workItem == NONE || workItem == u ->
      SAY("takeWorkItem");
      workItem = u;
      isNewest[0] = false;
      isNewest[1] = false;
      goto taken
    :: else ->
      if
      :: OCCUPIES(workItem) ->
        SAY("takeWorkItem: busy");
        if
        :: isRecheck && up[u].recheckHolder == _pid -> up[u].recheckHolder = NONE
        :: !isRecheck && IS_HOLDER(u) -> postponed(u)
        :: else
        fi;
        check(u);
        goto over
      :: else -> SAY("takeWorkItem: the last holder does not need it"); isNewest[_pid] = true
      fi
    fi
  }
#endif
  fi;
  /* lib/ledger/work-items.ts: takeWorkItem. The second write, over the version that was read. */
  if
  DIES
  :: atomic {
    skip;
#ifndef WITHOUT_WORK_ITEM_VERSION
    if :: !isNewest[_pid] -> goto take :: else fi;
#endif
    SAY("takeWorkItem: taken over");
    workItem = u;
    isNewest[0] = false;
    isNewest[1] = false
  }
  fi;

taken:
  atomic {
    if
    :: isRecheck && c != NONE -> goto nominate
    :: isRecheck && c == NONE && matches != 0 -> goto copies
    :: else
    fi
  }
list:
  /* lib/ipd/client.ts: list; lib/delivery/outcome.ts: readingOf, toOutcome */
  if
  DIES
  :: atomic {
    SAY("list");
    shown = 0;
    for (i : 0 .. COPIES - 1) { if :: copy[i].state == listed -> shown = shown | BIT(i) :: else fi };
    i = 0;
    wasWindowOver = up[u].isWindowOver
  }
  :: atomic {
    /* lib/domain/attempts.ts: postpone. The list fails, is throttled, gives no list, or a download fails. */
#ifndef LIVENESS
    MAY_FAIL;
    FAULT;
#endif
    SAY("list: no answer");
    if
    :: isAnswered
    :: isRecheck -> if :: up[u].recheckHolder == _pid -> up[u].recheckHolder = NONE :: else fi
    :: !isRecheck && IS_HOLDER(u) -> postponed(u)
    :: else
    fi;
    check(u);
    goto over
  }
  :: atomic {
    /* lib/domain/attempts.ts: fail. No access to the work item. In doubt the end is `outcome_unknown`. */
    MAY_FAIL && !isAnswered && !isRecheck && MAY_GIVE_UP(u);
    FAULT;
    SAY("list: refused");
    if :: IS_HOLDER(u) -> fail(u) :: else fi;
    check(u);
    goto over
  }
  fi;

prove:
  /* lib/delivery/reconcile.ts: check, prove; lib/ledger/attachments.ts: findClaims; lib/domain/endings.ts: recordMismatches */
  if
  DIES
  :: atomic {
    matches = 0;
    for (i : 0 .. COPIES - 1) {
      if
      :: up[u].hasBaseline && (shown & BIT(i)) && !((BASELINE(u) | up[u].mismatches | up[u].duplicates) & BIT(i)) && up[u].attachment != i && MAY_CLAIM(i, u) ->
        if
#ifdef WITHOUT_BYTES
        :: matches = matches | BIT(i)
#else
        :: SAME_BYTES(i, u) -> matches = matches | BIT(i)
        :: else -> up[u].mismatches = up[u].mismatches | BIT(i)
#endif
        fi
      :: else
      fi
    };
    i = 0;
    shown = (matches == 0 -> shown : 0);
    if :: matches != 0 -> seenDoubt = false; seenAccepted = false; seenAbsent = false; wasWindowOver = false :: else fi;
    if
    :: matches != 0 ->
      SAY("check: a match");
      do
      :: i < COPIES && (matches & BIT(i)) && c == NONE -> c = i; i++
      :: i < COPIES && (!(matches & BIT(i)) || c != NONE || (matches >> (i + 1)) != 0) -> i++
      :: i >= COPIES -> break
      od;
      i = 0;
      matches = matches & ~BIT(c);
      if :: isRecheck && up[u].attachment != NONE -> matches = matches | BIT(c); c = NONE :: else fi;
      /* lib/delivery/reconcile.ts: recheck. The work item is taken again: its lease may have ended before the list was read. */
      if
#ifndef WITHOUT_WORK_ITEM_AFTER_LIST
      :: isRecheck -> goto take
#else
      :: isRecheck -> goto taken
#endif
      :: else -> goto nominate
      fi
    :: else -> SAY("check: none")
    fi
  }
  fi;
  if
  :: atomic {
    isRecheck;
    /* lib/domain/endings.ts: finishRecheck */
    SAY("finishRecheck");
    up[u].recheck = false;
    if :: up[u].recheckHolder == _pid -> up[u].recheckHolder = NONE :: else fi;
    goto over
  }
  :: atomic { isAnswered; goto over }
  :: atomic {
    !isRecheck && !isAnswered && !seenDoubt;
    goto fence
  }
  :: atomic {
    !isRecheck && !isAnswered && seenDoubt;
    /* lib/delivery/outcome.ts: objectionTo; lib/domain/attempts.ts: resolvesDoubt */
    if
#if defined(WITHOUT_COMMIT_WINDOW)
    :: seenAbsent && !seenAccepted
#elif defined(WITHOUT_TIME_OF_READING)
    :: seenAbsent && up[u].isWindowOver && !seenAccepted
#else
    :: seenAbsent && wasWindowOver && !seenAccepted
#endif
    :: seenAbsent && wasWindowOver && seenAccepted ->
      SAY("fail: not in the list");
      if :: IS_HOLDER(u) -> fail(u) :: else fi;
      check(u);
      goto over
    :: else ->
      /* lib/domain/attempts.ts: recordAbsence */
      SAY("recordAbsence");
      if :: IS_HOLDER(u) && up[u].doubt -> up[u].absent = true; toUnconfirmed(u) :: else fi;
      check(u);
      goto over
    fi
  }
  fi;
  /* lib/domain/attempts.ts: resolveDoubt */
  if
  DIES
  :: atomic {
    skip;
    if
    :: IS_HOLDER(u) && up[u].doubt && !up[u].accepted ->
      SAY("resolveDoubt");
      noDoubt(u);
      up[u].resent = true;
      seenDoubt = false;
      seenAbsent = false;
      wasWindowOver = false;
      if
      :: IS_RETRY_OVER(u) -> SAY("postpone: the retry window is over"); postponed(u); check(u); goto over
#ifdef LIVENESS
      :: !IS_RETRY_OVER(u)
#else
      :: true
#endif
      fi
    :: else -> SAY("resolveDoubt: the lease is lost"); goto over
    fi
  }
  fi;

fence:
  /* lib/delivery/send.ts: createFencedFile; lib/domain/attempts.ts: startSending */
  if
  DIES
  :: atomic {
    /* lib/domain/attempts.ts: postpone, fail. Storage or IPD breaks off before the fence, or the staged file is gone. */
    MAY_FAIL || sends == SENDS;
    FAULT;
    SAY("send: broken off before the fence");
    if
    :: IS_HOLDER(u) -> postponed(u)
    :: IS_HOLDER(u) -> fail(u)
    :: else
    fi;
    check(u);
    goto over
  }
#ifdef BREAK_BOUNDARY
  :: atomic {
    sends < SENDS;
    SAY("IPD keeps a form without its closing boundary, and the function dies");
    copy[sends].from = u;
    copy[sends].state = kept;
    sends++;
    check(u);
    goto over
  }
#endif
  :: atomic {
    sends < SENDS;
    if
    :: HAS_LEASE(u) && !up[u].doubt && up[u].candidate == NONE ->
      SAY("startSending");
      up[u].isSending = true;
      up[u].baseline = (up[u].hasBaseline -> up[u].baseline : shown);
      up[u].hasBaseline = true;
      atBoundary[_pid] = u;
      sender[_pid] = u
    :: else -> SAY("startSending: the lease is lost"); goto over
    fi
  }
  fi;
  /* lib/ipd/form.ts: frameFile. The closing boundary is sent: from here on IPD may have the file. */
  if
  DIES
  :: atomic {
    sends < SENDS;
    SAY("the closing boundary is sent");
    atBoundary[_pid] = NONE;
    c = sends;
    copy[c].from = u;
    copy[c].state = undecided;
    sends++
  }
  :: atomic { sends == SENDS; SAY("the connection breaks"); c = NONE; atBoundary[_pid] = NONE }
  fi;
  /* lib/ipd/client.ts: upload; lib/delivery/attachment-leg.ts: send. What IPD answers. */
  if
  DIES
  :: atomic {
    c != NONE && (copy[c].state == undecided || copy[c].state == listed);
    SAY("answer: success with the id");
    if :: copy[c].state == undecided -> copy[c].state = kept :: else fi;
#ifdef BREAK_STORED_ONCE
    if :: sends < SENDS -> copy[sends].from = u; copy[sends].state = kept; sends++ :: else fi;
#endif
    isNamed = true;
    check(u);
    goto nominate
  }
  :: atomic {
    /* lib/delivery/reconcile.ts: checkNamed. The answer names another attachment that IPD has. */
    MAY_FAIL && c != NONE && (copy[c].state == undecided || copy[c].state == listed);
    FAULT;
    if :: copy[c].state == undecided -> copy[c].state = kept :: else fi;
    check(u);
    if
    :: c != THEIRS && MAY_BE_NAMED(THEIRS) -> c = THEIRS
    :: c != 0 && MAY_BE_NAMED(0) -> c = 0
#if SENDS > 1
    :: c != 1 && MAY_BE_NAMED(1) -> c = 1
#endif
#if SENDS > 2
    :: c != 2 && MAY_BE_NAMED(2) -> c = 2
#endif
    :: else -> c = NONE
    fi;
    if
#ifdef WITHOUT_CHECK_OF_NAMED_ID
    :: c != NONE
#else
    :: c != NONE && !((shown | up[u].baseline | up[u].mismatches) & BIT(c))
#endif
      -> SAY("answer: success with another's id"); isNamed = true; goto nominate
    :: else -> SAY("answer: success without an id")
    fi
  }
  :: atomic {
    /* lib/domain/attempts.ts: markUnconfirmed */
    MAY_FAIL || c == NONE;
    FAULT;
    SAY("answer: lost; markUnconfirmed");
#ifdef WITHOUT_DOUBT_AFTER_LOST_ANSWER
    if :: IS_HOLDER(u) -> postponed(u) :: else fi;
#else
    if :: IS_HOLDER(u) -> newDoubt(u, up[u].accepted); toUnconfirmed(u) :: else fi;
#endif
    check(u);
    goto over
  }
  :: atomic {
    /* lib/delivery/send.ts: withdrawFence; lib/domain/attempts.ts: withdrawFence */
    c != NONE && (copy[c].state == dropped || (MAY_FAIL && copy[c].state == undecided));
    FAULT;
    SAY("answer: refused; withdrawFence");
#ifdef BREAK_REFUSAL
    if :: copy[c].state == undecided -> copy[c].state = kept :: else fi;
#else
    copy[c].state = dropped;
#endif
    c = NONE;
    if
    :: IS_HOLDER(u) -> up[u].isSending = false
    :: else -> SAY("withdrawFence: the lease is lost"); goto over
    fi;
    goto refused
  }
  fi;
  /* lib/delivery/attachment-leg.ts: findAccepted; lib/domain/attempts.ts: markAccepted */
  if
  DIES
  :: atomic {
    SAY("markAccepted");
    c = NONE;
    if
    :: up[u].status != delivered && !up[u].accepted ->
      newDoubt(u, true);
      if :: up[u].status == delivering || up[u].status == unconfirmed -> toUnconfirmed(u) :: else fi
    :: else
    fi;
    check(u);
    isAnswered = true;
    goto list
  }
  fi;

refused:
  if
  DIES
  :: atomic {
    /* lib/domain/attempts.ts: fail. A clear refusal. */
    SAY("fail: refused");
    if :: IS_HOLDER(u) -> fail(u) :: else fi;
    check(u);
    goto over
  }
  :: atomic {
    /* lib/domain/attempts.ts: postpone. A throttle, a dead token. */
    SAY("postpone: throttled");
    if :: IS_HOLDER(u) -> postponed(u) :: else fi;
    check(u);
    goto over
  }
  :: atomic {
    skip;
    /* lib/delivery/deliver.ts: attemptDelivery. A throttle that the function sleeps through; it reads the record again. */
    if
    :: IS_HOLDER(u) -> SAY("sleep"); seenDoubt = up[u].doubt; seenAccepted = up[u].accepted; seenAbsent = up[u].absent; shown = 0; goto list
    :: else -> goto over
    fi
  }
  fi;

nominate:
  /* lib/delivery/reconcile.ts: recordMatch; lib/domain/endings.ts: setCandidate */
  if
  DIES
  :: atomic {
    skip;
    shown = 0;
    if
    :: MAY_RECORD(c, u)
    :: else ->
      SAY("setCandidate: the lease is lost");
      c = NONE;
      matches = 0;
      if :: isRecheck -> goto list :: else -> goto over fi
    fi;
    SAY("setCandidate");
    if
    :: up[u].status == delivered && up[u].attachment != NONE && up[u].attachment != c -> up[u].duplicates = up[u].duplicates | BIT(c)
    :: up[u].status != delivered && up[u].candidate != NONE && up[u].candidate != c -> up[u].duplicates = up[u].duplicates | BIT(c)
    :: up[u].status != delivered && up[u].candidate == NONE ->
      up[u].candidate = c;
      if
      :: isNamed && up[u].doubt -> up[u].accepted = true
      :: isNamed && !up[u].doubt -> newDoubt(u, true)
      :: else
      fi
    :: else
    fi;
    isNamed = false;
    SEE(u);
    check(u)
  }
  fi;
  /* lib/delivery/reconcile.ts: claim; lib/ledger/attachments.ts: claimAttachment */
  if
  DIES
  :: atomic {
    skip;
    if
    :: MAY_CLAIM(c, u) -> SAY("claimAttachment"); copy[c].owner = u
    :: else -> SAY("claimAttachment: another upload has it; rejectCandidate"); rejectCandidate(u, c); SEE(u)
    fi;
    check(u);
    if
    :: seenCandidate != NONE && seenCandidate != c
    :: else -> goto claimed
    fi
  }
  fi;
  /* The same for the candidate that another function has found first. */
  if
  DIES
  :: atomic {
    skip;
    if
    :: MAY_CLAIM(seenCandidate, u) -> SAY("claimAttachment of the candidate"); copy[seenCandidate].owner = u
    :: else ->
      SAY("claimAttachment of the candidate: another upload has it; rejectCandidate");
      rejectCandidate(u, seenCandidate);
      SEE(u)
    fi;
    check(u)
  }
  fi;
claimed:
  atomic {
    if
    :: seenCandidate == NONE && isOut ->
      SAY("recordMatch: another upload has it");
      c = NONE;
      matches = 0;
      isOut = false;
      if :: isRecheck -> goto list :: else -> goto over fi
    :: else
    fi
  }
copies:
  /* lib/delivery/reconcile.ts: recordCopies; lib/domain/endings.ts: recordDuplicates */
  if
  DIES
  :: atomic {
    skip;
    if
    :: matches != 0 ->
      SAY("recordCopies");
      for (i : 0 .. COPIES - 1) {
        if
        :: (matches & BIT(i)) && MAY_CLAIM(i, u) -> copy[i].owner = u; up[u].duplicates = up[u].duplicates | BIT(i)
        :: else
        fi
      };
      i = 0;
      matches = 0;
      if :: c != NONE -> SEE(u) :: else fi
    :: else
    fi;
    if :: isRecheck && c == NONE -> goto list :: else fi
  }
  fi;
  if
  DIES
  :: atomic {
    skip;
    SAY("markDelivered");
    if :: seenCandidate != NONE -> markDelivered(u, seenCandidate) :: else -> markDelivered(u, c) fi;
    check(u);
    c = NONE;
    seenCandidate = NONE;
    isOut = false;
    if :: isRecheck -> goto list :: else -> goto over fi
  }
  fi
}

/* ---- The sweep ---- */

#define IS_GIVEN_UP(u) (IS_READY(u) && MAY_END(u))
#ifdef LIVENESS
/* To end the lease of a living function is a fault, all else that the sweep does is none. */
#define IS_ALIVE(u) (up[u].status == delivering && isBusy[up[u].holder])
#define IS_FOR_SWEEP(u) ((up[u].status == delivering && (MAY_FAIL || !IS_ALIVE(u))) || IS_GIVEN_UP(u) || up[u].recheckHolder != NONE)
#else
#define IS_ALIVE(u) true
#define IS_FOR_SWEEP(u) (MAY_FAIL && (up[u].status == delivering || IS_GIVEN_UP(u) || up[u].recheckHolder != NONE))
#endif

/* lib/delivery/sweep.ts: run, act */
active proctype sweep() {
  byte u;
end_idle:
  do
  :: atomic {
    if
    :: IS_FOR_SWEEP(0) -> u = 0
#if UPLOADS > 1
    :: IS_FOR_SWEEP(1) -> u = 1
#endif
    fi;
    if :: IS_ALIVE(u) -> FAULT :: else fi;
    if
    :: up[u].status == delivering ->
      /* lib/domain/attempts.ts: expireLease. The sweep's clock may be ahead: the function may still be alive. */
      SAY_OF("sweep", u, "expireLease");
      if
#ifndef WITHOUT_DOUBT_AFTER_LEASE
      :: up[u].isSending && !up[u].accepted -> newDoubt(u, false); toUnconfirmed(u)
#endif
      :: else -> postponed(u)
      fi
    :: IS_GIVEN_UP(u) ->
      /* lib/domain/attempts.ts: giveUp */
      SAY_OF("sweep", u, "giveUp");
      fail(u)
    :: up[u].recheckHolder != NONE ->
      /* lib/domain/upload.ts: isLive. The lease of a check for a second copy ends. */
      SAY_OF("sweep", u, "the lease of the check for a second copy ends");
      up[u].recheckHolder = NONE
    fi;
    check(u);
    u = 0
  }
  od
}

/* ---- The user and storage ---- */

#ifdef EQUAL_OLD_ATTACHMENT
#define IS_BEGUN (copy[THEIRS].state == listed)
#else
#define IS_BEGUN true
#endif

active proctype user() {
  byte u;
end_idle:
  do
  :: atomic {
    /* lib/domain/lifecycle.ts: stage. The file is there, perhaps after its deadline. */
    if
    :: IS_BEGUN && (up[0].status == awaiting_upload || up[0].status == expired) -> u = 0
#if UPLOADS > 1
    :: IS_BEGUN && (up[1].status == awaiting_upload || up[1].status == expired) -> u = 1
#endif
    fi;
    SAY_OF("storage", u, "stage");
    up[u].status = staged;
    u = 0
  }
  :: atomic {
    /* lib/domain/lifecycle.ts: expireOrWait */
    if
    :: MAY_FAIL && up[0].status == awaiting_upload -> u = 0
#if UPLOADS > 1
    :: MAY_FAIL && up[1].status == awaiting_upload -> u = 1
#endif
    fi;
    FAULT;
    SAY_OF("sweep", u, "expireOrWait");
    up[u].status = expired;
    check(u);
    u = 0
  }
  :: atomic {
    /* lib/domain/lifecycle.ts: cancel */
#ifdef WITHOUT_CANCEL_RULE
#define MAY_CANCEL(u) (up[u].status != cancelled && up[u].status != delivered)
#else
#define MAY_CANCEL(u) (up[u].status != cancelled && !MAY_BE_IN_IPD(u))
#endif
    if
    :: MAY_FAIL && MAY_CANCEL(0) -> u = 0
#if UPLOADS > 1
    :: MAY_FAIL && MAY_CANCEL(1) -> u = 1
#endif
    fi;
    FAULT;
    SAY_OF("user", u, "cancel");
    up[u].status = cancelled;
    up[u].holder = NONE;
    up[u].isSending = false;
    check(u);
    u = 0
  }
  :: atomic {
    /* lib/domain/lifecycle.ts: retry */
    if
    :: MAY_FAIL && MAY_RETRY(0) -> u = 0
#if UPLOADS > 1
    :: MAY_FAIL && MAY_RETRY(1) -> u = 1
#endif
    fi;
    FAULT;
    SAY_OF("user", u, "retry");
#ifdef LIVENESS
    up[u].isRetried = true;
    up[u].isRetryOver = false;
#endif
    up[u].absent = false;
#ifdef WITHOUT_DOUBT_AT_RETRY
    noDoubt(u);
#endif
    up[u].status = (up[u].doubt -> unconfirmed : staged);
    u = 0
  }
  od
}

/* ---- IPD ---- */

active proctype ipd() {
  byte c;
end_idle:
  do
  :: atomic {
    if
    :: MAY_SHOW(0) -> c = 0
#if SENDS > 1
    :: MAY_SHOW(1) -> c = 1
#endif
#if SENDS > 2
    :: MAY_SHOW(2) -> c = 2
#endif
#if SENDS > 3
    :: MAY_SHOW(3) -> c = 3
#endif
    fi;
    if
    :: printf("STEP IPD, upload %d: keeps and lists the copy\n", copy[c].from + 1); copy[c].state = listed
    :: copy[c].state == undecided -> printf("STEP IPD, upload %d: drops the request\n", copy[c].from + 1); copy[c].state = dropped
    fi;
    check(copy[c].from);
    c = 0
  }
  od
}

/* A person attaches a file of this size without the bridge: with other bytes at any moment, or with equal ones before all uploads. */
#ifdef EQUAL_OLD_ATTACHMENT
init { d_step { copy[THEIRS].from = PERSON; copy[THEIRS].state = listed } }
#else
#if defined(PERSON_ATTACHES) || defined(BREAK_NO_EQUAL_FILE)
active proctype person() {
end_idle:
  atomic { copy[THEIRS].state == unsent; printf("STEP a person attaches a file\n"); copy[THEIRS].from = PERSON; copy[THEIRS].state = listed }
}
#endif
#endif

/* ---- The clock ---- */

active proctype clock() {
  byte u;
end_idle:
  do
  :: atomic {
    if
    :: up[0].doubt && !up[0].isWindowOver && WINDOW_MAY_END(0) -> u = 0
#if UPLOADS > 1
    :: up[1].doubt && !up[1].isWindowOver && WINDOW_MAY_END(1) -> u = 1
#endif
    fi;
    SAY_OF("clock", u, "the commit window is over");
    up[u].isWindowOver = true;
    u = 0
  }
#ifdef LIVENESS
  :: atomic {
    if
    :: !up[0].isRetryOver && !IS_FINAL(0) && up[0].status != awaiting_upload -> u = 0
#if UPLOADS > 1
    :: !up[1].isRetryOver && !IS_FINAL(1) && up[1].status != awaiting_upload -> u = 1
#endif
    fi;
    SAY_OF("clock", u, "the retry window is over");
    up[u].isRetryOver = true;
    u = 0
  }
#endif
  od
}

#if UPLOADS > 1
#define ALL_FINAL (IS_FINAL(0) && IS_FINAL(1))
#else
#define ALL_FINAL (IS_FINAL(0))
#endif
ltl ends { <> [] ALL_FINAL }
