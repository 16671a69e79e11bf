// Which hosts requests may go to: the engine's side of scenario/consent.py, asked once for each connection.

import net from 'node:net';
import { Failed } from './failure.mjs';

const plain = (host) => host.toLowerCase().replace(/\.+$/, '');
const whole = (pattern) => new RegExp(`^(?:${pattern})$`);

export class Consent {
  // `plan`: {agreed, private: patterns of names; networks}. `secretHeaders`: names in lower case, which no other origin gets.
  constructor(plan, secretHeaders = []) {
    this._agreed = whole(plan.agreed);
    this._private = whole(plan.private);
    this._networks = new net.BlockList();
    for (const network of plan.networks) {
      const [address, bits] = network.split('/');
      const family = net.isIPv6(address) ? 'ipv6' : 'ipv4';
      this._networks.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
    }
    this.secretHeaders = secretHeaders;
  }

  // Somebody has agreed that this very host may be loaded.
  names(host) {
    return this._agreed.test(plain(host));
  }

  // `address` null: only a proxy knows the address of the host.
  allows(host, address = null) {
    if (this.names(host)) return true;
    const spelled = spelledBy(host);
    if (spelled === null && !this._private.test(plain(host))) return false;
    const known = (spelled ?? address)?.replace(/%.*/, '');
    return known === undefined || this._networks.check(known, net.isIPv6(known) ? 'ipv6' : 'ipv4');
  }

  // Throws Failed.
  need(host, address = null) {
    if (!this.allows(host, address)) throw new Failed('host_not_allowed', complaint(host, address));
  }

  // Those of `addresses` that may be loaded; throws Failed if there are none.
  among(host, addresses) {
    const allowed = addresses.filter(({ address }) => this.allows(host, address));
    if (addresses.length && !allowed.length) this.need(host, addresses[0].address);
    return allowed;
  }
}

export function complaint(host, address = null) {
  const spelled = spelledBy(host);
  const known = spelled ?? address;
  const leads = known !== null && known !== host ? ` (${known})` : '';
  return `this host is not allowed: ${host}${leads}; to allow it:  --allow-host ${spelled ?? plain(host)}`;
}

// The address that `host` spells in any notation (134744072, 0x8.8.8.8); null if it is a name.
function spelledBy(host) {
  if (net.isIP(host)) return host;
  const url = `http://${host}`;
  const name = /^[0-9a-fx.]+$/i.test(host) && URL.canParse(url) ? new URL(url).hostname : '';
  return net.isIPv4(name) ? name : null;
}
