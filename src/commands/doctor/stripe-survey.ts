import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isLiveKey } from '../../stripe/stripe-account.js';
import type { Finding } from '../../stripe/survey/finding.js';
import { SurveyNotPossible } from '../../stripe/survey/scene.js';
import { survey, surveySteps, type Survey } from '../../stripe/survey/survey.js';
import { NoAnswer } from '../../stripe/survey/wire.js';
import { CommandFailure, EXIT } from '../command-failure.js';
import { print, type JsonOption } from '../command.js';
import { Interruption } from '../interruption.js';
import { ProgressBar } from '../progress-bar.js';
import { commandConfig } from '../services.js';
import { surveyText } from './survey-text.js';

export interface SurveyCommandOptions extends JsonOption {
  readonly save?: string;
  readonly wait: number;
  readonly dryRun?: true;
}

/** Under a sandbox's 25 a second, whoever else uses it. */
const CALLS_PER_SECOND = 10;
/** Beside the wait for summaries: about 150 calls, and pauses. */
const TIME_MAX_MS = 5 * 60_000;

/** What a saved survey holds; `countonce simulate-stripe --switches` reads it. */
export interface SavedSurvey {
  readonly measured_at: string;
  readonly stripe: string;
  readonly switches: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
}

/** Measures what Stripe leaves undocumented on the sandbox of STRIPE_SECRET_KEY. */
export async function surveyStripe(options: SurveyCommandOptions): Promise<void> {
  if (options.dryRun === true) {
    const steps = surveySteps();
    print(options, { steps }, steps.map((step, at) => `${at + 1}. ${step}`).join('\n'));
    return;
  }
  const config = commandConfig(process.env);
  const secretKey = testKey(config.STRIPE_SECRET_KEY);
  const file = options.save ?? join(config.DATA_DIR, 'stripe-switches.json');
  const { findings, left } = await run(secretKey, config.STRIPE_API_BASE, options.wait);
  const switches = Object.assign({}, ...findings.map((finding) => finding.switches)) as object;
  const saved: SavedSurvey = {
    measured_at: new Date().toISOString(),
    stripe: config.STRIPE_API_BASE,
    switches: { ...switches },
    findings,
  };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(saved, null, 2)}\n`);
  const document = { ...saved, saved_to: file, left };
  print(options, document, surveyText(findings, left, file));
  if (left.length > 0) process.exitCode = EXIT.failed;
}

/** @throws CommandFailure for any key that is not one of a sandbox. */
function testKey(secretKey: string | undefined): string {
  if (secretKey === undefined) {
    const message = 'doctor --stripe needs a sandbox: set STRIPE_SECRET_KEY to its sk_test_… key.';
    throw new CommandFailure(message, 'stripe_not_configured');
  }
  if (isLiveKey(secretKey)) {
    const message =
      'doctor --stripe makes meters, customers and usage, so it takes the key of a sandbox ' +
      '(sk_test_… or rk_test_…) alone. STRIPE_SECRET_KEY is a live key; nothing was called.';
    throw new CommandFailure(message, 'live_key_refused', { exitCode: EXIT.wrongUsage });
  }
  return secretKey;
}

async function run(secretKey: string, apiBase: string, waitSeconds: number): Promise<Survey> {
  using interruption = new Interruption();
  const ending = new AbortController();
  interruption.onAsked(() => ending.abort(new Error('interrupted')));
  const waitMs = waitSeconds * 1_000;
  const tooLong = AbortSignal.timeout(waitMs + TIME_MAX_MS);
  const signal = AbortSignal.any([ending.signal, tooLong]);
  using bar = new ProgressBar(1, '{bar} {percentage} %  {step}', { step: 'setting up' });
  const onStep = (step: string, done: number, of: number): void => {
    bar.grow(of);
    bar.update(done, { step });
  };
  try {
    const pace = { callsPerSecond: CALLS_PER_SECOND };
    return await survey({ secretKey, apiBase, ...pace, waitMs, signal, onStep });
  } catch (cause) {
    if (interruption.isAsked) {
      const message = 'Interrupted; what was made for the survey was taken away again.';
      throw new CommandFailure(message, 'interrupted', { exitCode: EXIT.interrupted, cause });
    }
    if (tooLong.aborted) {
      throw new CommandFailure('The survey took too long and was ended.', 'took_too_long', {
        cause,
      });
    }
    if (cause instanceof NoAnswer || cause instanceof SurveyNotPossible) {
      throw new CommandFailure(`${cause.message}.`, 'stripe_unavailable', { cause });
    }
    throw cause;
  }
}
