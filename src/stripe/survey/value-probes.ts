import { isOk, told } from './answer.js';
import { finding, unmeasured, type Finding, type SwitchSettings } from './finding.js';
import { fateOf, fateText, type Fate, type Probe } from './probe.js';
import type { SentEvent, SurveyScene } from './scene.js';

/** Texts of values, by the finding that each leads to. */
const VALUES: Readonly<Record<string, string | undefined>> = {
  value_decimal: '1.5',
  value_negative: '-1',
  value_15_digits: '123456789012345',
  value_16_digits: '1234567890123456',
  value_exponent: '1e3',
  value_with_commas: '1,000',
  value_with_plus: '+1',
  value_empty: '',
  value_missing: undefined,
  value_no_number: 'abc',
};
const PLACES = [1, 3, 6, 9, 12, 13, 15, 18];
const ZERO_AFTER_S = 10;

/** What the switches of values are made from. */
type Fates = ReadonlyMap<string, Fate>;

export const VALUE_PROBES: readonly Probe[] = [
  {
    name: 'values',
    does: 'Send decimals, negative values, zero, exponents, too many digits, and what is no number.',
    async run(scene) {
      const sent = new Map<string, SentEvent>();
      for (const [name, value] of Object.entries(VALUES)) {
        sent.set(name, await scene.send({ meter: 'sum', value }));
      }
      const zero = await sendZero(scene);
      return async () => {
        const fates = new Map<string, Fate>();
        for (const [name, event] of sent) fates.set(name, await fateOf(scene, event));
        fates.set('value_zero', await fateOfZero(scene, zero));
        return [...sent, ['value_zero', zero] as const].map(([name, event]) =>
          valueFinding(name, event, fates),
        );
      };
    },
  },
  {
    name: 'decimal places',
    does: `Send values of ${PLACES.join(', ')} decimal places.`,
    async run(scene) {
      const sent: (readonly [number, SentEvent])[] = [];
      for (const places of PLACES) {
        const value = `0.${'0'.repeat(places - 1)}1`;
        sent.push([places, await scene.send({ meter: 'sum', value })]);
      }
      return () => decimalPlaces(scene, sent);
    },
  },
];

/** A sum does not show a zero, so it stands after another value in a meter of the last one. */
async function sendZero(scene: SurveyScene): Promise<SentEvent> {
  const { event } = await scene.send({ meter: 'last', value: '5' });
  return scene.send({ meter: 'last', value: '0', timestamp: event.timestamp + ZERO_AFTER_S });
}

async function fateOfZero(scene: SurveyScene, zero: SentEvent): Promise<Fate> {
  const { answer, event } = zero;
  if (!isOk(answer)) return fateOf(scene, zero);
  if (!scene.isReadable) return 'unclear';
  const shown = await scene.shown('last', event.timestamp);
  if (shown === 0) return 'counted';
  scene.refusedLater.push(zero);
  return 'async';
}

function valueFinding(name: string, { event, answer }: SentEvent, fates: Fates): Finding {
  const shown = event.value === undefined ? 'no value' : JSON.stringify(event.value);
  const question = event.value === undefined ? 'No value?' : `${shown} as a value?`;
  const fate = fates.get(name)!;
  const asked = [[shown, answer]] as const;
  if (fate === 'unclear') return unmeasured(name, question, 'not clear', asked);
  const result = fate === 'sync' ? told(answer) : fateText(fate);
  return finding(name, question, result, asked, switchesOf(name, fates));
}

function switchesOf(name: string, fates: Fates): SwitchSettings {
  const fate = fates.get(name);
  if (name === 'value_16_digits' && (fate === 'sync' || fate === 'async')) {
    return { tooManyDigits: fate };
  }
  if (name === 'value_no_number' && (fate === 'sync' || fate === 'async')) {
    return { invalidValue: fate };
  }
  return name === 'value_decimal' ? acceptedValues(fates) : {};
}

/** Only where all that is no positive integer is treated alike. */
function acceptedValues(fates: Fates): SwitchSettings {
  const all = ['value_decimal', 'value_negative', 'value_zero'].map((name) => fates.get(name));
  if (all.every((fate) => fate === 'counted')) return { acceptedValues: 'decimal' };
  const areRefused = all.every((fate) => fate === 'sync' || fate === 'async');
  return areRefused ? { acceptedValues: 'positive_integer' } : {};
}

async function decimalPlaces(
  scene: SurveyScene,
  sent: readonly (readonly [number, SentEvent])[],
): Promise<Finding> {
  const question = 'How many decimal places are counted?';
  const asked = sent.map(([places, { answer }]) => [`${places} places`, answer] as const);
  const name = 'decimal_places';
  const counted: number[] = [];
  for (const [places, event] of sent) {
    const fate = await fateOf(scene, event);
    if (fate === 'unclear') return unmeasured(name, question, 'not clear', asked);
    if (fate === 'counted') counted.push(places);
  }
  const most = Math.max(...counted);
  const result = counted.length === 0 ? 'none' : `${most} of up to ${PLACES.at(-1)!} tried`;
  return finding(name, question, result, asked);
}
