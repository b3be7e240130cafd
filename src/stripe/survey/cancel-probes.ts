import { randomUUID } from 'node:crypto';
import { isDuplicate, isOk, isRefusal, told, type Answer } from './answer.js';
import { finding, unmeasured, type Finding } from './finding.js';
import type { Probe } from './probe.js';
import type { SurveyScene } from './scene.js';
import type { SurveyWire } from './wire.js';

/** They want events that Stripe has worked on. */
export const CANCEL_PROBES: readonly Probe[] = [
  {
    name: 'cancelling',
    does: 'Cancel an identifier that was never sent; cancel an event, twice; send its identifier again.',
    async run(scene, wire) {
      const { event } = await scene.send({ meter: 'sum', value: '1' });
      const unknown = await cancel(scene, wire, randomUUID());
      const first = await cancel(scene, wire, event.identifier);
      const second = await cancel(scene, wire, event.identifier);
      const again = await scene.send({ ...event, key: randomUUID() });
      return () => [
        rejectOrAccept('cancel_unknown', 'Cancelling what was never sent?', unknown, {
          switchName: 'cancelUnknownIdentifier',
        }),
        status(first),
        rejectOrAccept('cancel_twice', 'Cancelling what is cancelled?', second, {
          switchName: 'cancelTwice',
          only: isOk(first),
        }),
        afterCancel(first, again.answer),
      ];
    },
  },
  {
    name: 'an identifier that was refused later',
    does: 'Send the identifier of an event again that got a 200 and was not counted.',
    async run(scene) {
      const name = 'identifier_after_async_refusal';
      const question = 'Is an identifier free again after its event was refused later?';
      const [refused] = scene.refusedLater;
      if (refused === undefined) {
        return () => unmeasured(name, question, 'nothing was refused after a 200');
      }
      const { answer } = await scene.send({ ...refused.event, key: randomUUID() });
      const asyncRejectedIdentifier = isDuplicate(answer) ? 'taken' : isOk(answer) ? 'free' : null;
      const asked = [
        ['answered 200', refused.answer],
        ['again, fresh key', answer],
      ] as const;
      if (asyncRejectedIdentifier === null) {
        return () => unmeasured(name, question, told(answer), asked);
      }
      const switches = { asyncRejectedIdentifier };
      return () => finding(name, question, asyncRejectedIdentifier, asked, switches);
    },
  },
];

function cancel(scene: SurveyScene, wire: SurveyWire, identifier: string): Promise<Answer> {
  const path = '/v1/billing/meter_event_adjustments';
  const form = { event_name: scene.eventName('sum'), type: 'cancel', cancel: { identifier } };
  return wire.post(path, form, { key: randomUUID() });
}

function rejectOrAccept(
  name: string,
  question: string,
  answer: Answer,
  { switchName, only = true }: { switchName: string; only?: boolean },
): Finding {
  const asked = [[question, answer]] as const;
  const setting = isOk(answer) ? 'accept' : isRefusal(answer) ? 'reject' : undefined;
  if (!only || setting === undefined) return unmeasured(name, question, told(answer), asked);
  const result = setting === 'accept' ? 'accepted' : told(answer);
  return finding(name, question, result, asked, { [switchName]: setting });
}

function status(answer: Answer): Finding {
  const question = 'Does a cancellation take effect at once?';
  const { status: adjustmentStatus } = answer.body;
  const asked = [['cancelled', answer]] as const;
  if (adjustmentStatus !== 'complete' && adjustmentStatus !== 'pending') {
    return unmeasured('cancel_status', question, told(answer), asked);
  }
  return finding('cancel_status', question, adjustmentStatus, asked, { adjustmentStatus });
}

function afterCancel(cancelled: Answer, again: Answer): Finding {
  const name = 'identifier_after_cancel';
  const question = 'Is an identifier free again after its event was cancelled?';
  const asked = [['again, fresh key', again]] as const;
  const cancelledIdentifier = isDuplicate(again) ? 'taken' : isOk(again) ? 'free' : null;
  if (!isOk(cancelled) || cancelledIdentifier === null) {
    return unmeasured(name, question, told(again), asked);
  }
  return finding(name, question, cancelledIdentifier, asked, { cancelledIdentifier });
}
