import { SetMetadata, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import type { Reflector } from '@nestjs/core';
import { REQUIRED_SCOPE } from '../access/require-scope.js';

const IDS_OF_THEIR_OWN = 'countonce:ids-of-their-own';
const ANSWER_SECRETS = 'countonce:answer-secrets';

/** What the route takes has ids that make it happen once: it reads no idempotency key. */
export const IdsOfTheirOwn = (): MethodDecorator => SetMetadata(IDS_OF_THEIR_OWN, true);

/** Members of the answer that stand in the first one alone: they are not kept. */
export const AnswerSecrets = (...members: string[]): MethodDecorator =>
  SetMetadata(ANSWER_SECRETS, members);

/** Whether a handler is a command: every POST of ours that says no other. */
export function isCommand(reflector: Reflector, handler: () => unknown): boolean {
  return (
    reflector.get<RequestMethod | undefined>(METHOD_METADATA, handler) === RequestMethod.POST &&
    // Neither Stripe's own calls nor the routes of an application around us.
    reflector.get<string | undefined>(REQUIRED_SCOPE, handler) !== undefined &&
    reflector.get<true | undefined>(IDS_OF_THEIR_OWN, handler) !== true
  );
}

export function answerSecrets(reflector: Reflector, handler: () => unknown): readonly string[] {
  return reflector.get<string[] | undefined>(ANSWER_SECRETS, handler) ?? [];
}
