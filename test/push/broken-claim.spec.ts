import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultProxy } from '../../proof/fault-proxy.js';
import { Random } from '../../src/commands/demo/random.js';
import { Database } from '../../src/database/database.js';
import { due, only } from './due-push.js';
import type { PushScene } from './push-scene.js';

let port: number;
let proxy: FaultProxy;

/** The same scene over connections that can be cut. */
function cuttable(scene: PushScene): PushScene {
  const url = new URL(scene.db.url);
  port = Number(url.port);
  url.port = String(proxy.port);
  return scene.on(new Database(url.href, 4));
}

describe('a claim whose COMMIT breaks', () => {
  beforeAll(async () => {
    proxy = await FaultProxy.open(() => port, new Random(1));
  });

  afterAll(() => proxy.close());

  it('is sent at once where it was committed all the same', async () => {
    await using scene = await due();
    await using cut = cuttable(scene);
    let fired = 0;
    proxy.arm('after COMMIT', () => fired++);
    expect(await cut.process().sender.send(scene.tenantId)).toBe(1);
    expect(fired).toBe(1);
    // Not given out a second time: its lease would still hold it.
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(scene.counted()).toEqual(['10']);
  });

  it('is nobody’s where it was not', async () => {
    await using scene = await due();
    await using cut = cuttable(scene);
    proxy.arm('before COMMIT', () => undefined);
    await expect(cut.process().sender.send(scene.tenantId)).rejects.toThrow(
      /Connection terminated/,
    );
    expect(await only(scene)).toMatchObject({ status: 'pending', attempts: 0 });
    expect(scene.counted()).toEqual([]);
    expect(await cut.process().sender.send(scene.tenantId)).toBe(1);
    expect(scene.counted()).toEqual(['10']);
  });

  it('is another’s where that one took it meanwhile', async () => {
    await using scene = await due();
    await using cut = cuttable(scene);
    const { tenantId } = scene;
    let taken: Promise<number> | undefined;
    proxy.arm('before COMMIT', () => {
      taken = scene.process().sender.send(tenantId);
    });
    await expect(cut.process().sender.send(tenantId)).rejects.toThrow(/Connection terminated/);
    expect(await taken).toBe(1);
    expect(await only(scene)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(scene.counted()).toEqual(['10']);
  });
});
