import 'reflect-metadata';
import type { ExecutionContext, PipeTransform, Type } from '@nestjs/common';
import { PARAMTYPES_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';

/**
 * Has a pipe judge the body as it will before the handler runs: nobody is asked to approve what
 * would then be refused for its form.
 */
export async function judgeBody(
  pipe: PipeTransform,
  context: ExecutionContext,
  body: unknown,
): Promise<void> {
  const metatype = bodyType(context.getClass(), context.getHandler().name);
  if (metatype !== undefined) await pipe.transform(body, { type: 'body', metatype });
}

/** What the handler declares its whole body to be; nothing where it takes none. */
function bodyType(controller: Type, handler: string): Type | undefined {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler) ??
    {}) as Record<string, { readonly index: number }>;
  const body = Object.entries(parameters).find(([kind]) =>
    kind.startsWith(`${RouteParamtypes.BODY}:`),
  );
  const types = Reflect.getMetadata(
    PARAMTYPES_METADATA,
    controller.prototype as object,
    handler,
  ) as readonly Type[] | undefined;
  return body === undefined ? undefined : types?.[body[1].index];
}
