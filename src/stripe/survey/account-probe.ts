import { isOk, told } from './answer.js';
import { finding } from './finding.js';
import type { Probe } from './probe.js';

export const ACCOUNT_PROBE: Probe = {
  name: 'the account',
  does: 'Ask for the account of the key.',
  async run(_scene, wire) {
    const answer = await wire.get('/v1/account');
    const question = 'May the key ask for its account?';
    const asked = [['GET /v1/account', answer]] as const;
    const result = isOk(answer) ? 'yes' : told(answer);
    // What one kind of key may tells nothing of the other, but for the two extremes.
    const isTelling = isOk(answer)
      ? wire.isRestricted
      : answer.status === 403 && !wire.isRestricted;
    const accountRead = isOk(answer) ? 'every_key' : 'none';
    const switches = isTelling ? { accountRead } : {};
    return () => finding('account_read', question, result, asked, switches);
  },
};
