/**
 * Mutants that nothing can find, each with its proof, and guards that nothing needed. `npm run mutants` fails where an
 * exclusion fits no mutant any more.
 */

export type Exclusion = {
  /** The identity of the mutant, as `npm run mutants -- --list` prints it. */
  mutant: string;
  /** Why the product behaves the same with it, in a sentence. */
  proof: string;
};

export const excluded: Exclusion[] = [
  {
    mutant:
      'lib/delivery/deliver.ts createDelivery/deliver condition: isLeaseHolder(holder, lease.token) is true',
    proof:
      'Without the lease no outcome of a scan is legal, so nothing is recorded; to close an upload that has ended meanwhile does no more than its own function does, a notification may come twice by contract, and a comment is tried once.',
  },
  {
    mutant: 'lib/ledger/table.ts createTable/add clause: without {} beside ??',
    proof: 'DynamoDB answers ReturnValues ALL_NEW with the item; the types need the clause.',
  },
  {
    mutant: 'lib/ledger/table.ts createTable/query clause: without [] beside ??',
    proof: 'DynamoDB answers every query with Items, which may be empty; the types need the clause.',
  },
  {
    mutant: 'lib/ledger/scan.ts scan clause: without [] beside ??',
    proof: 'DynamoDB answers every scan with Items, which may be empty; the types need the clause.',
  },
  {
    mutant: 'lib/domain/attempts.ts claim clause: without iso(now) beside ??',
    proof:
      'An upload that may be claimed is due: every transition into such a state sets dueAt; the types need the clause.',
  },
  {
    mutant: 'lib/domain/erasure.ts erase guard: ended === undefined is false',
    proof:
      'What cannot be cancelled may be in IPD, and then either whyNotErased has refused it or it is final; the types need the guard.',
  },
  {
    mutant: 'lib/domain/endings.ts fail clause: without upload beside ??',
    proof:
      'An upload whose doubt is accepted is not delivered (markDelivered removes the doubt, and nothing adds one after it) and never becomes a link (changeToLink), nor is the doubt of a link ever accepted; markDelivered is undefined for these two alone.',
  },
  ...[
    'isRecheckDue guard: !isEnded(upload) || upload.recheckAt === undefined is false',
    'isRecheckDue clause: without !isEnded(upload) beside ||',
    'isRecheckDue clause: without upload.recheckAt === undefined beside ||',
    'isRecheckOver guard: !isEnded(upload) || upload.recheckAt === undefined is false',
    'isRecheckOver clause: without !isEnded(upload) beside ||',
    'isRecheckOver clause: without upload.recheckAt === undefined beside ||',
  ].map((mutant) => ({
    mutant: `lib/domain/endings.ts ${mutant}`,
    proof:
      'Records that are delivered or removed alone have recheckAt, and a time is neither before nor after the NaN that an absent one is read as; the types need the guard.',
  })),
  {
    mutant: 'lib/domain/endings.ts isRecheckHolder clause: without isEnded(upload) beside &&',
    proof:
      'Records that are delivered or removed alone have recheckLease, so for any other one the token differs; the types need the clause.',
  },
  {
    mutant: 'lib/domain/endings.ts finishRecheck clause: without !isEnded(upload) beside ||',
    proof:
      'Records that are delivered or removed alone have recheckAt, so the other clause stops any other one; the types need the clause.',
  },
  {
    mutant:
      "lib/uploads/manage.ts createUploads/withLink clause: without upload.status === 'delivered' beside &&",
    proof: 'Delivered records alone have a link; the types need the clause.',
  },
  {
    mutant:
      "lib/delivery/deliver.ts createDelivery/changeToLink clause: without outcome.kind !== 'failed' beside ||",
    proof: 'No other kind of outcome has one of these codes; the types need the clause.',
  },
  {
    mutant:
      'lib/delivery/deliver.ts createDelivery/changeToLink clause: without isLeaseHolder(after, token) beside &&',
    proof:
      'The transition is legal for the lease holder alone, and leaves it the lease; the types need the clause.',
  },
  {
    mutant:
      'lib/uploads/uppy.ts createUppy/begin order: const { attached } = await preflight.largestFile({ filename, contentTy… before if (!(await tickets.useTicket(hash))) throw invalid();',
    proof: 'largestFile writes nothing and throws nothing, so it may come first.',
  },
  ...[
    "markLinked clause: without upload.status === 'delivered' beside &&",
    "expireLink clause: without upload.status !== 'delivered' beside ||",
    "replaceLink clause: without upload.status !== 'delivered' beside ||",
  ].map((mutant) => ({
    mutant: `lib/domain/endings.ts ${mutant}`,
    proof: 'Delivered records alone have a link; the types need the clause.',
  })),
  {
    mutant: 'lib/domain/endings.ts markLinked clause: without upload.link !== undefined beside &&',
    proof: 'markLinked alone delivers what has asLink, and always with a link; the types need the clause.',
  },
  {
    mutant: 'lib/domain/link.ts byId comparison: one.id < other.id by <=',
    proof: 'No two links of a work item have one id.',
  },
  {
    mutant: "lib/ledger/journal.ts createJournal/tell condition: after.status === 'delivered' is true #2",
    proof: 'Delivered records alone have a link; the types need the condition.',
  },
  {
    mutant: 'lib/domain/lifecycle.ts stage clause: without mostAttached !== undefined beside &&',
    proof: 'No size is above undefined; the types need the clause.',
  },
  {
    mutant: 'lib/uploads/download.ts createDownloads/find condition: uploadId === undefined is false',
    proof: 'No record has the key that is made of undefined; the types need the condition.',
  },
  {
    mutant: "lib/domain/summary.ts summaryOf clause: without upload.status === 'delivered' beside &&",
    proof: 'Delivered records alone have a link; the types need the clause.',
  },
  {
    mutant:
      "lib/uploads/download.ts createDownloads/isThere clause: without upload.status !== 'delivered' beside ||",
    proof:
      'Delivered records alone have a link, so the other clause stops any other one; the types need the clause.',
  },
  {
    mutant: "lib/delivery/link-leg.ts keptOf guard: upload.status !== 'delivered' is false",
    proof:
      'The check of a removed upload knows no URL, so none of its links is current, and its record has no link; the types need the guard.',
  },
  {
    mutant:
      'lib/delivery/link-leg.ts createLinkLeg/tidy order: if (counting !== undefined) { await ledger.change(upload.id, (before) … before const isClean = await deleteAll(client, upload, { links, signal });',
    proof:
      'Neither reads what the other writes; a check that dies between the two is made again, and counts the same link in either order.',
  },
  {
    mutant: "lib/delivery/link-leg.ts contactOf clause: without found.kind === 'unavailable' beside &&",
    proof: 'No other kind of answer has isOutage; the types need the clause.',
  },
  {
    mutant: "lib/delivery/link-leg.ts forbiddenAsLink clause: without failure.kind !== 'refused' beside ||",
    proof: 'Refusals alone have a code; the types need the clause.',
  },
  {
    mutant: "lib/delivery/comment.ts commentOn clause: without '' beside ??",
    proof:
      'The two texts name these values alone, and `by` only where there is one; the types need the clause.',
  },
  {
    mutant: 'lib/delivery/comment.ts escapeHtml clause: without character beside ??',
    proof: 'Each character that the pattern finds has an entity; the types need the clause.',
  },
  {
    mutant: "lib/domain/upload.ts isFileRemoved clause: without upload.status === 'delivered' beside &&",
    proof: 'Delivered records alone have isFileRemoved; the types need the clause.',
  },
  {
    mutant: "lib/domain/endings.ts nextCheck condition: upload.status === 'delivered' is true",
    proof:
      'Of the records that are not removed, delivered ones alone have recheckAt or link, so both are undefined for any other one, as here.',
  },
  {
    mutant: 'lib/domain/lifecycle.ts isToBeChecked clause: without isEnded beside &&',
    proof: 'Records that are delivered or removed alone have recheckAt; the types need the clause.',
  },
  {
    mutant: 'lib/domain/ingestion.ts announceAgain clause: without from beside &&',
    proof:
      'An offer is looked up by an id that is a hash of its names, and no upload that a user began has such an id; the types need the clause.',
  },
  {
    mutant: "lib/domain/ingestion.ts announceAgain condition: before.status === 'failed' is true",
    proof:
      'The form of a delivered record has no keepUntil, so the ledger does not write it down; the types need the condition.',
  },
  {
    mutant: "lib/domain/summary.ts sourceOf condition: source.kind === 'request' is true",
    proof:
      'Any other source has no requestId, and JSON has no member for undefined; the types need the condition.',
  },
  {
    mutant: "lib/ingestion/offers.ts refusedAsReused condition: source.kind === 'request' is true",
    proof: 'isReused is true of requests alone; the types need the condition.',
  },
  {
    mutant:
      "lib/uploads/preflight.ts createPreflight/checkWorkItem clause: without listed.kind === 'refused' beside &&",
    proof: 'Refusals alone have one of these codes; the types need the clause.',
  },
  {
    mutant:
      'lib/uploads/stage.ts createArrivals/discard clause: without upload.erasure === undefined beside &&',
    proof:
      'An erased record has an empty key, for which storage answers with the bucket: it has no time, so it is no offer, and stays. The guard spares the question.',
  },
  {
    mutant: "lib/storage/drops.ts createDrops/discard clause: without present.kind === 'found' beside &&",
    proof: 'What is not there has no time, and undefined is the time of no offer; the types need the clause.',
  },
  ...[
    'find clause: without 0 beside ??',
    "find clause: without '' beside ??",
    'find clause: without {} beside ??',
  ].map((mutant) => ({
    mutant: `lib/storage/drops.ts createDrops/${mutant}`,
    proof:
      'Storage answers HEAD with a length and a time, and the SDK with an object of metadata, which may be empty; the types need the clause.',
  })),
  {
    mutant: "lib/storage/drops.ts createDrops/list clause: without '' beside ??",
    proof: 'Storage lists each object with its time; the types need the clause.',
  },
  {
    mutant: 'lib/domain/schedule.ts createSlots/take condition: taken.has(firstFree) is false',
    proof:
      'Where firstFree stays behind, the loop before passes the slots that are taken one by one, and ends at the same free one.',
  },
  {
    mutant: 'lib/domain/lifecycle.ts retry clause: without stagedAt === undefined beside ||',
    proof: 'A record has etag and stagedAt, or neither: stage alone sets them, both at once.',
  },
  {
    mutant: "lib/delivery/reconcile.ts createReconciliation/hashStaged clause: without '' beside ??",
    proof: 'What has a candidate was staged, and has an ETag; the types need the clause.',
  },
  {
    mutant: 'lib/delivery/reconcile.ts createReconciliation/checkNamed guard: attachmentId === null is false',
    proof:
      'An answer without an id states no size and no list has null, so nothing objects and null is what the end returns; the types need the guard.',
  },
  {
    mutant:
      "lib/delivery/reconcile.ts createReconciliation/recheck clause: without current.status === 'delivered' beside &&",
    proof:
      'beginRecheck is legal for delivered and removed uploads alone, and an attachment is never removed; the types need the clause.',
  },
  {
    mutant:
      'lib/delivery/reconcile.ts createReconciliation/recheck clause: without error instanceof AppError beside &&',
    proof:
      'Nothing that is thrown there has this code but an AppError, and nothing throws null or undefined; the types need the clause.',
  },
  {
    mutant: 'lib/delivery/reconcile.ts rotate comparison: candidates.length <= DOWNLOADS_PER_CHECK by <',
    proof: 'Five candidates are rotated by a multiple of five, which leaves them in their order.',
  },
  {
    mutant: "lib/delivery/reconcile.ts ownIds condition: upload.status === 'delivered' is true",
    proof:
      'Delivered records alone have attachmentId, and an undefined one is the id of no listed attachment; the types need the condition.',
  },
  {
    mutant: 'lib/delivery/sweep.ts isDue clause: without time !== undefined beside &&',
    proof: 'Date.parse of undefined is NaN, which no comparison finds smaller; the types need the clause.',
  },
  {
    mutant: "lib/ledger/journal.ts createJournal/tell condition: after.status === 'delivered' is true",
    proof: 'Delivered records alone have attachmentId; the types need the condition.',
  },
  {
    mutant: 'lib/ledger/journal.ts metricsOf clause: without 0 beside ??',
    proof:
      'Where a record has no duplicates after a write, the difference is NaN in place of a number that is not more than 0, and NaN is not more than 0 either; the types need the clause.',
  },
  {
    mutant: 'lib/ledger/journal.ts metricsOf clause: without after.stagedAt !== undefined beside &&',
    proof:
      'Only what was staged is sent, and so delivered, and no transition removes stagedAt; the types need the clause.',
  },
  {
    mutant: "lib/ledger/journal.ts isWithoutId clause: without upload.status === 'delivered' beside &&",
    proof: 'Delivered records alone have attachmentId, and undefined is not null; the types need the clause.',
  },
  {
    mutant: 'lib/ledger/record.ts readRecord condition: schema === 0 is true',
    proof:
      'A later form has no doubtSince, and startSending writes the baseline together with sendingAt, so fromFirstForm changes nothing in it.',
  },
  {
    mutant: 'lib/uploads/stage.ts createArrivals/check condition: changed is false',
    proof: 'It reads what was just written: the same record, for one read more.',
  },
  {
    mutant:
      'lib/uploads/clean-up.ts createClosing/discard order: if (mayLeaveLinkedFile(upload)) await linkedFiles.remove(upload.id); before await arrivals.discard(upload);',
    proof:
      'Both removals are repeated until both are made: the record says that the file is removed only after that.',
  },
  {
    mutant: 'lib/domain/schedule.ts nth clause: without 0 beside ??',
    proof: 'No list of delays is empty, and the index is held within it; the types need the clause.',
  },
  {
    mutant:
      "lib/delivery/attachment-leg.ts createAttachmentLeg/send clause: without sent.kind === 'unavailable' beside &&",
    proof: 'No other kind of answer has isContradiction; the types need the clause.',
  },
  {
    mutant: "lib/delivery/send.ts createSending/send clause: without result.kind === 'refused' beside &&",
    proof: 'No other kind of answer has a code; the types need the clause.',
  },
  {
    mutant: 'lib/uploads/stage.ts createArrivals/check clause: without begun !== undefined beside &&',
    proof:
      'The other clause is false where nothing was begun, since nothing is listed then; the types need this one.',
  },
  {
    mutant:
      'lib/uploads/stage.ts createArrivals/check clause: without upload.maxSize !== undefined beside &&',
    proof:
      'Without maxSize the parts together have the declared size, which is at least 1, and no number is above undefined; the types need the clause.',
  },
  ...["clause: without '' beside ??", 'clause: without -1 beside ??'].map((mutant) => ({
    mutant: `lib/messaging/arrivals.ts readArrivals ${mutant}`,
    proof:
      'S3 names ETag and size of every object that it has created; only removals lack them, and the filter has left those out; the types need the clause.',
  })),
  {
    mutant: "lib/storage/etags.ts bareEtag clause: without '' beside ??",
    proof:
      'S3 names the ETag in every answer to a PUT, HEAD or copy of an object, and in every list; the types need the clause.',
  },
  {
    mutant: 'lib/storage/staged-files.ts createStaging/head clause: without 0 beside ??',
    proof: 'S3 names the length in every answer to a HEAD of an object; the types need the clause.',
  },
  {
    mutant: 'lib/storage/staged-files.ts createStaging/get guard: !(Body instanceof Readable) is false',
    proof: 'In Node, the body of an answer is always a Readable of the SDK; the types need the guard.',
  },
  {
    mutant: 'lib/storage/presigning.ts createSigners clause: without sessionToken !== undefined beside &&',
    proof: "The SDK's signers leave out a session token that is undefined; the types need the clause.",
  },
  {
    mutant: 'lib/storage/presigning.ts queryOf comparison: one < other by <=',
    proof: 'The names of a query are the keys of one object, so no two are equal.',
  },
  {
    mutant: 'lib/storage/sha256.ts keyOf guard: made !== undefined is false',
    proof:
      'A key object that is made again from the same bytes gives the same HMAC: the map only saves time.',
  },
  ...[
    'decide constant: trialUntil = 0: 0 is 1',
    'refusedUntil constant: lockedUntil = 0: 0 is 1',
    'afterCall constant: openUntil = 0: 0 is 1',
    'afterCall constant: lockedUntil = 0: 0 is 1',
    'isRateDue constant: ratedMinute = 0: 0 is 1',
  ].map((mutant) => ({
    mutant: `lib/domain/breaker.ts ${mutant}`,
    proof: 'No moment that is compared with it lies within a minute of 1970.',
  })),
  {
    mutant: 'lib/domain/breaker.ts refusedUntil constant: openUntil = 0: 0 is 1',
    proof: 'Nothing is refused while openUntil is absent; the types need the default.',
  },
  {
    mutant: "lib/domain/breaker.ts outagesAfter constant: case 'none' is for NaN",
    proof: 'afterCall returns before, where IPD was not asked; the types need the case.',
  },
  ...['Math.min(throttles, 20): 20 is 21', 'Math.min(throttles, 20): 20 is 19'].map((mutant) => ({
    mutant: `lib/domain/schedule.ts throttleDelay off-by-one: ${mutant}`,
    proof: 'From the seventh throttle in a row on, the delay is the longest one.',
  })),
  {
    mutant:
      'lib/domain/schedule.ts scanDelay off-by-one: nth(SCAN_CHECKS, SCAN_CHECKS.length): SCAN_CHECKS.length + 1',
    proof: 'nth takes the last element for every index beyond the list.',
  },
  ...['content-type', 'accept'].map((header) => ({
    mutant:
      header === 'accept'
        ? "lib/http/problem-page.ts showProblems/onError clause: without '' beside ??"
        : "lib/http/gateway.ts readBody clause: without '' beside ??",
    proof:
      'A pattern takes undefined for the text "undefined", which is no such type either; the types need the clause.',
  })),
  {
    mutant: 'lib/http/gateway.ts idempotencyKey clause: without key === undefined beside ||',
    proof:
      'A pattern takes undefined for the text "undefined", which it takes as a key, and the key is returned.',
  },
  ...['parsed.error.issues .slice(0, MAX_PLACES)', 'issue.keys .slice(0, MAX_PLACES)'].flatMap((cut) =>
    [`${cut} uncut`, `${cut}: MAX_PLACES + 1`].map((mutant) => ({
      mutant: `lib/http/gateway.ts check slice: ${mutant}`,
      proof: 'The places that follow from them are cut to the same number; this cut only saves work.',
    })),
  ),
  {
    mutant: "lib/http/resource.ts pollAfterSeconds constant: case 'awaiting_upload' is for NaN",
    proof: 'The default is a second as well; the case says that it is meant.',
  },
  {
    mutant: "lib/http/resource.ts pollAfterSeconds clause: without '' beside ??",
    proof: 'Neither undefined nor an empty text is a time; the types need the clause.',
  },
  ...['parts: 10: 10 is 20', 'fieldSize: 1024: 1024 is 2048'].map((mutant) => ({
    mutant: `lib/http/upload-form.ts startParser constant: ${mutant}`,
    proof:
      'The first part that is not the file refuses the form, and its value is not read; the limits only save work.',
  })),
  ...[
    'comparison: points.length <= MAX_NAME_CODE_POINTS by <',
    'clause: without dot > 0 beside &&',
    'comparison: dot > 0 by >=',
    'off-by-one: dot > 0: 0 is 1',
  ].map((mutant) => ({
    mutant: `lib/ipd/form.ts safeName ${mutant}`,
    proof:
      'A name of exactly 200 is cut to itself; in a longer one, no dot among its first has an extension of 16 at most.',
  })),
  ...['a[0] < b[0] by <=', 'a[1] < b[1] by <=', 'a[1] > b[1] by >='].map((mutant) => ({
    mutant: `lib/ipd/auth.ts byKey comparison: ${mutant}`,
    proof:
      'Names are compared where they differ, and two pairs of one name and value are the same text in any order.',
  })),
  ...["clause: without '' beside ??", "clause: without '' beside ?? #2"].map((mutant) => ({
    mutant: `deploy/settings.ts findUndeployable ${mutant}`,
    proof:
      'IPD_CA is given where its kind is inline, and a pattern takes undefined for the text "undefined", which names no secret; the types need the clause.',
  })),
  ...[
    'comparison: name.length < setting.length by <=',
    'off-by-one: name.length < setting.length: name.length + 1',
    'off-by-one: name.length < setting.length: setting.length - 1',
  ].map((mutant) => ({
    mutant: `deploy/settings.ts isLike ${mutant}`,
    proof:
      'Which of two is called the short one matters where one begins with the other and a further word, so differs by two letters at least.',
  })),
  ...[
    'clause: without long.length - short.length <= few beside &&',
    'off-by-one: long.length - short.length: long.length - 1',
    'off-by-one: long.length - short.length: short.length + 1',
  ].map((mutant) => ({
    mutant: `deploy/settings.ts isLike ${mutant}`,
    proof:
      'The distance is never less than the difference of the lengths; to compare these first only saves work.',
  })),
  ...[
    'findMisspelt swap: written and one in distance(written, one)',
    'findMisspelt swap: written and other in distance(written, other)',
    'isLike swap: name and setting in distance(name, setting, few)',
  ].map((mutant) => ({
    mutant: `deploy/settings.ts ${mutant}`,
    proof: 'The distance of two texts is the same from either of them.',
  })),
  {
    mutant: 'deploy/settings.ts distance guard: Math.min(...row) > most is false',
    proof: 'No row holds less than the one before it: to end early only saves work.',
  },
  ...['', ' #2', ' #3', ' #4', ' #5'].map((number) => ({
    mutant: `deploy/settings.ts distance clause: without 0 beside ??${number}`,
    proof: 'A row has a number for each letter, and one more; the types need the clause.',
  })),
  {
    mutant: 'deploy/settings.ts distance off-by-one: other.length + 1: 1 is 2',
    proof: 'Nothing reads the row beyond its last letter, and the next row is made anew.',
  },
  {
    mutant: 'deploy/removal.ts listKeys clause: without [] beside ??',
    proof:
      'AWS answers with a list, which may be empty; where it did not, the reading throws, and that counts as none.',
  },
  {
    mutant: 'lib/http/gateway.ts answerProblems/onError off-by-one: problems[code].status >= 500: 500 is 499',
    proof: 'No problem has status 499.',
  },
  {
    mutant: 'lib/http/gateway.ts problem clause: without error instanceof AppError beside &&',
    proof: 'The code of what is no AppError is internal, whose status is 500; the types need the clause.',
  },
  {
    mutant: "lib/http/gateway.ts problem clause: without '' beside ??",
    proof: 'No failure has the name "undefined" either; the types need the clause.',
  },
  ...["clause: without 'en' beside ??", "clause: without '' beside ?? #2"].map((mutant) => ({
    mutant: `lib/http/problem-page.ts showProblems/onError ${mutant}`,
    proof: 'A problem always has a language and a body; the types need the clause.',
  })),
  ...[
    'comparison: a[1] > b[1] is true',
    'comparison: a[1] > b[1] is false',
    'off-by-one: [1]: 1 is 2 #3',
    'off-by-one: [1]: 1 is 0 #3',
    'off-by-one: [1]: 1 is 2 #4',
    'off-by-one: [1]: 1 is 0 #4',
  ].map((mutant) => ({
    mutant: `lib/ipd/auth.ts byKey ${mutant}`,
    proof:
      'V8 sorts by whether one comes before another alone: whether the two are equal or the other way round is the same to it.',
  })),
  {
    mutant: "lib/ipd/client.ts createIpdClient/download clause: without '' beside ??",
    proof: 'A pattern takes undefined for the text "undefined", which is no page; the types need the clause.',
  },
  {
    mutant: "lib/ipd/client.ts createIpdClient/download guard: verdict.kind === 'success' is false",
    proof:
      'A success has status 200, with which the file has been returned before; the types need the guard.',
  },
  {
    mutant: "lib/ipd/errors.ts classify clause: without { verdict: 'unconfirmed' } beside ??",
    proof: 'The last rule fits every answer; the types need the clause.',
  },
  ...['other.length - 1', 'one.length + 1'].map((mutant) => ({
    mutant: `lib/ipd/errors.ts withhold off-by-one: other.length - one.length: ${mutant}`,
    proof: 'It only changes the order of names of one length, of which none is a part of another.',
  })),
  {
    mutant: 'lib/ipd/errors.ts decide condition: retryAfterMs === undefined is false',
    proof: 'A time that is undefined and one that is not there are read alike.',
  },
  {
    mutant: 'lib/ipd/errors.ts readRetryAfter clause: without value !== undefined beside &&',
    proof:
      'A pattern takes undefined for the text "undefined", which is no number; the types need the clause.',
  },
  ...[
    "isUnconnected clause: without 'code' in error beside &&",
    "isUnconnected clause: without typeof code === 'string' beside &&",
    "describeFailure clause: without 'code' in error beside &&",
  ].map((mutant) => ({
    mutant: `lib/ipd/wire.ts ${mutant}`,
    proof:
      'What an error does not have is undefined, and what is no text is none of the codes; the types need the clause.',
  })),
  {
    mutant: 'lib/ipd/wire.ts send condition: isSecure is false',
    proof: 'The request goes by its agent, which is that of https where the address is.',
  },
  {
    mutant: 'lib/ipd/wire.ts send clause: without 0 beside ??',
    proof: 'An answer that came has a status; the types need the clause.',
  },
  ...['lib/ingestion/patrol.ts createPatrol/run', 'lib/pacing/slot-lease.ts createSlotLease/take'].flatMap(
    (place) => [
      {
        mutant: `${place} constant: version: 0: 0 is 1`,
        proof:
          'A state that is not there is written with any version, and the version of what was written is another one.',
      },
      {
        mutant: `${place} constant: ${place.includes('patrol') ? 'nextRound' : 'until'}: 0: 0 is 1`,
        proof: 'No moment that is compared with it lies in the first millisecond of 1970.',
      },
    ],
  ),
  {
    mutant: 'packages/client/src/fingerprint.ts fingerprint fallback: lastModified before sha256',
    proof: 'It is only asked whether one of them is there.',
  },
  ...[
    'constant: length: 4: 4 is 8',
    'slice: Math.random().toString(36).slice(2) uncut',
    'slice: Math.random().toString(36).slice(2): 2 + 1',
    'slice: Math.random().toString(36).slice(2): 2 - 1',
    'off-by-one: Math.random().toString(36): 36 is 35',
  ].map((mutant) => ({
    mutant: `packages/client/src/fingerprint.ts randomKey ${mutant}`,
    proof: 'A key is random text, and more than enough of it is left in any case.',
  })),
  {
    mutant:
      'lib/links/addresses.ts createAddresses/isSecretOf swap: given and expected in timingSafeEqual(given, expected)',
    proof: 'Two texts are equal, or not, from either of them.',
  },
  ...[
    { file: 'attach', what: "'storage', 'queue'" },
    { file: 'deliver', what: "'storage'" },
    { file: 'ingest', what: "'storage'" },
  ].flatMap(({ file, what }) =>
    [`write: without await loadAhead(${what});`, `await: without await before loadAhead(${what})`].map(
      (mutant) => ({
        mutant: `functions/${file}.ts (module) ${mutant}`,
        proof: 'Without it the SDK is loaded within the first call, which only takes longer.',
      }),
    ),
  ),
  ...['number: 1: 1 is 2', 'offset: 0: 0 is 1'].map((mutant) => ({
    mutant: `packages/expo/src/uploads.ts missingParts constant: ${mutant}`,
    proof:
      'A file in one piece is sent as its copy: nothing is cut or named by these numbers, and its one entry in the progress may have any; the types need both.',
  })),
  {
    mutant: "functions/attach.ts createHandler clause: without '' beside ??",
    proof: 'The type of a form is asked by regular expressions, which read undefined as a text that is none.',
  },
  {
    mutant:
      'lib/delivery/deliver.ts createDelivery/deliver await: without await before end(holder, outcome, run)',
    proof:
      'The report of the call writes an item of its own, and the caller awaits both it and the end of the delivery.',
  },
  {
    mutant: "lib/delivery/deliver.ts createDelivery/recordOutcome constant: case 'accepted' is for NaN",
    proof:
      'What IPD was found to have accepted is recorded where it is found; this case keeps it when it comes as an outcome, where the record says so already.',
  },
  {
    mutant:
      'lib/delivery/reconcile.ts createReconciliation/prove fallback: upload.sentSha256 before upload.sha256',
    proof:
      'The fence lets no bytes through whose hash is another than the declared one: where both are there they are equal.',
  },
  {
    mutant: 'lib/ipd/wire.ts connected condition: outgoing.socket !== null is true',
    proof: 'Node sets the socket of a request before its event `socket`; the types need the condition.',
  },
  {
    mutant: 'lib/ingestion/patrol.ts (module) constant: PAGE = 1_000: 1_000 is 2000',
    proof: 'S3 lists at most 1,000 objects in a page, also where it is asked for more.',
  },
  {
    mutant:
      "lib/ledger/uploads.ts shardOf off-by-one: createHash('sha256').update(upload.id).digest().readUInt8(0): 0 is 1",
    proof: 'Any byte of the hash spreads the uploads evenly, and all shards are read.',
  },
  ...['number', 'size'].map((member) => ({
    mutant: `lib/storage/multipart.ts createMultipart/list constant: ${member} = 0: 0 is 1`,
    proof: 'S3 lists each part with its number and its size; the types need the value.',
  })),
  {
    mutant:
      'lib/storage/presigning.ts createSigning/presign swap: protocol and host in { method, protocol, hostname: host, path, query, headers: { ...headers…',
    proof:
      'The signature covers the header Host, and the URL is put together from the address of the bucket.',
  },
  {
    mutant: 'lib/storage/sha256.ts keyOf swap: secret and key in keyObjects.set(secret, key)',
    proof: 'The map only spares making the same key object again.',
  },
  {
    mutant: 'lib/uploads/uppy.ts createUppy/form constant: maxSize = 0: 0 is 1',
    proof: 'Every upload of a session is begun with its largest size; the types need the value.',
  },
  {
    mutant: 'packages/client/src/client.ts createClient/send off-by-one: reply.status >= 400: 400 is 399',
    proof: 'HTTP registers no status 399: nothing answers with it.',
  },
  {
    mutant: 'packages/client/src/no-answer.ts (module) constant: EVENT_MS = 50: 50 is 100',
    proof: 'Who waits longer hears the same event: the page sends it directly after the rejection, or never.',
  },
  {
    mutant: 'packages/client/src/staging.ts missingParts constant: number: 1: 1 is 2',
    proof: 'A file in one piece has one part, which is found by the number that both lists give it here.',
  },
  ...['await: without await before file.close()', 'await: without await before file?.close()'].map(
    (mutant) => ({
      mutant: `packages/client/src/file-on-disk.ts streamOf ${mutant}`,
      proof:
        'The reader gets the same bytes and the same error, and the file is closed: only whether that takes place just before or just after the end differs, and the operating system decides it.',
    }),
  ),
  {
    mutant:
      'packages/uppy/src/cancellations.ts createCancellations/cancel condition: error instanceof UploadError is true',
    proof: 'Only an UploadError has a status.',
  },
  {
    mutant: 'packages/uppy/src/transfer.ts startTransfer/run condition: upload !== undefined is true',
    proof:
      'Only a file that was removed has no upload at its end, and nothing concludes a removed file; the types need the condition.',
  },
  {
    mutant:
      'packages/uppy/src/transfer.ts startTransfer/fail clause: without error instanceof UploadError beside &&',
    proof: 'Only an UploadError has a userMessage; the types need the clause.',
  },
  {
    mutant: 'packages/uppy/src/plugin.ts (module) condition: this.#transfers.get(id) === transfer is true',
    proof:
      'A removal ends the transfer at once, and Uppy begins the next upload some promises later: by then the ended one has left the list.',
  },
  {
    mutant: "packages/uppy/src/plugin.ts (module) clause: without '' beside ??",
    proof:
      'No file has an empty id, so that neither it nor undefined is in the list; the types need the clause.',
  },
];

/** Guards that mutants proved needless, and that the product has lost: where each was, and why it could go. */
export const removed: { guard: string; reason: string }[] = [
  {
    guard: '`isOfLength` beside the comparison of hashes in `prove` (`lib/delivery/reconcile.ts`)',
    reason: 'equal SHA-256 are those of equal bytes, so the length is equal too.',
  },
  {
    guard: '`!isCertain` in `remnantOf` (`lib/domain/erasure.ts`)',
    reason: '`mayBeInIpd` is true of every upload that is delivered or has a candidate.',
  },
  {
    guard: 'the return of an unconfirmed answer in `send` (`lib/delivery/attachment-leg.ts`)',
    reason: 'the next line returns every answer but `stored`, and this one had the same members.',
  },
  {
    guard: '`status` before `closing.tryNow` in `end` and `pauseUpload` (`lib/delivery/deliver.ts`)',
    reason: 'an upload that has not ended has no notification, and `tryNow` does nothing with it.',
  },
  {
    guard: '`etag === undefined` in `pauseUpload` (`lib/delivery/deliver.ts`)',
    reason: 'it gets the claimed upload, which was staged.',
  },
  {
    guard: '`?? arrived` in `pauseUpload` (`lib/delivery/deliver.ts`)',
    reason: 'a file that has just arrived may be paused: its time is not over.',
  },
  {
    guard: "`status === 'delivered'` in `needsProof` (`lib/delivery/reconcile.ts`)",
    reason:
      'a delivered upload is checked because it was sent again, and then `resent` is true; a check that is made because IPD named no id heeds a match alone.',
  },
  {
    guard: '`missing.length === 0` in `find` (`lib/delivery/sweep.ts`)',
    reason:
      'nothing is missing only of an upload that is neither expired nor awaited any more, and for that no transition is legal there.',
  },
  {
    guard: '`id === null` in `ownIds` (`lib/delivery/reconcile.ts`)',
    reason: 'null is the id of no listed attachment.',
  },
  {
    guard:
      '`!added.created` before the surplus multipart upload is ended in `begin` (`lib/uploads/create.ts`)',
    reason: 'a record that was just created names the multipart upload that was just begun.',
  },
  {
    guard: '`?? null` for an absent hash in `fingerprintOf` (`lib/uploads/create.ts`)',
    reason: 'JSON has null for what is undefined in a list.',
  },
  {
    guard:
      '`work_item_full` among the codes that refuse a work item in `checkWorkItem` (`lib/uploads/preflight.ts`)',
    reason: 'no answer of IPD is classified so: the length of the list alone tells it.',
  },
  {
    guard: '`offset === 0` in `get` (`lib/storage/staged-files.ts`)',
    reason: 'the range from byte 0 is the whole file, and an empty one is not read.',
  },
  {
    guard: '`cause instanceof Error` in `pour` (`lib/storage/staged-files.ts`)',
    reason: '`read` throws what the sink has thrown, and never what the stream was destroyed with then.',
  },
  {
    guard: '`status === 404` in `isGone` (`lib/storage/multipart.ts`)',
    reason:
      'S3 calls an upload that is gone `NoSuchUpload`; any other 404 is that of a bucket that is not there, which is a failure.',
  },
  {
    guard: '`uploads + roomFor > 0` and `calls > 0` in `count` (`lib/pacing/quota.ts`)',
    reason: 'a counter to which nothing is added is within its limit already.',
  },
  {
    guard: '`own === undefined` in `keepOne` (`lib/delivery/link-leg.ts`)',
    reason: 'its caller had found that there is a link: the function went into it.',
  },
  {
    guard: '`by !== undefined` in `commentOn` (`lib/delivery/comment.ts`)',
    reason: 'a value that is undefined and one that is not there are put into a text alike.',
  },
  {
    guard: '`text === undefined` in `load` (`packages/expo/src/jobs.ts`)',
    reason: 'no text is no more to be parsed than a spoilt one.',
  },
  {
    guard: '`error instanceof UploadError` beside 403 in `sendParts` (`packages/expo/src/uploads.ts`)',
    reason: "storage's answer is asked before it becomes an error.",
  },
];

/** The exclusions that fit none of these mutants. */
export function unmatched(mutants: { id: string }[], exclusions: Exclusion[]): Exclusion[] {
  const ids = new Set(mutants.map(({ id }) => id));
  return exclusions.filter(({ mutant }) => !ids.has(mutant));
}
