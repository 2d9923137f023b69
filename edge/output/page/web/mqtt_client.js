// MQTT 3.1.1 over WebSockets for a page that only subscribes: connect, subscribe, QoS 0, ping.
// OASIS standard "MQTT Version 3.1.1", sections 2 and 3.
//
// Not a library: mqtt.js has 342 kB, five times the whole page, Eclipse Paho's client is of 2018,
// and u8-mqtt (13 kB, version 0.6) would replace only the 60 lines of packets. Reconnecting, time
// limits and the login, which are most of this file, would stay.

const CONNECT = 1, CONNACK = 2, PUBLISH = 3, SUBSCRIBE = 8, SUBACK = 9, PINGREQ = 12, PINGRESP = 13;
const REFUSED_LOGIN = new Set([4, 5]);
const KEEPALIVE_S = 10;
const ANSWER_MS = 5000;
const FIRST_DELAY_MS = 250, MAX_DELAY_MS = 2000; // resume within 3 s of the broker's return

/**
 * Stays subscribed to `topics` until close(). Handlers:
 * message(topic, Uint8Array),
 * state("connecting" | "connected" | "lost" | "refused", reason),
 * login() -> Promise of {username, password}.
 */
export class MqttClient {
  constructor(url, topics, handlers) {
    this.url = url;
    this.topics = topics;
    this.handlers = handlers;
    this.credentials = null;
    this.failures = 0;
    this.closed = false;
    this.deadline = null;
    this.#open();
  }

  close() {
    this.closed = true;
    this.#stopTimers();
    this.socket?.close();
  }

  #open() {
    this.handlers.state("connecting", "");
    this.received = new Uint8Array(0);
    this.reason = "";
    this.askLogin = false;
    const socket = this.socket = new WebSocket(this.url, "mqtt");
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#send(connectPacket(this.credentials));
    socket.onmessage = (event) => {
      if (socket === this.socket) this.#receive(new Uint8Array(event.data));
    };
    socket.onclose = () => {
      if (socket === this.socket) this.#ended();
    };
    this.#expectAnswer();
  }

  #expectAnswer() {
    this.deadline ??= setTimeout(() => this.#drop("the broker does not answer"), ANSWER_MS);
  }

  #answered() {
    clearTimeout(this.deadline);
    this.deadline = null;
  }

  #stopTimers() {
    this.#answered();
    clearTimeout(this.retry);
    clearInterval(this.pinger);
  }

  /** Ends this connection now: a browser may wait minutes for the closing handshake. */
  #drop(reason) {
    const socket = this.socket;
    this.reason = reason;
    this.#ended();
    socket.close();
  }

  async #ended() {
    this.socket = null;
    this.#stopTimers();
    if (this.closed) return;
    if (this.askLogin) {
      this.handlers.state("refused", "the broker asks for a password");
      this.credentials = await this.handlers.login();
      if (!this.closed) this.#open();
      return;
    }
    this.handlers.state("lost", this.reason || "the broker is not there");
    const longest = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.failures++);
    const delay = longest * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => this.#open(), delay);
  }

  #send(bytes) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  /** A WebSocket message may hold a part of a packet or several. */
  #receive(bytes) {
    const joined = new Uint8Array(this.received.length + bytes.length);
    joined.set(this.received);
    joined.set(bytes, this.received.length);
    let at = 0;
    for (;;) {
      const packet = readPacket(joined, at);
      if (packet === null) break;
      at = packet.end;
      this.#handle(packet);
      if (this.socket === null) return;
    }
    this.received = joined.slice(at);
  }

  #handle({ type, flags, body }) {
    if (type === CONNACK) {
      this.#answered();
      if (body[1] !== 0) {
        this.askLogin = REFUSED_LOGIN.has(body[1]);
        this.#drop(`the broker refused the connection (code ${body[1]})`);
        return;
      }
      this.#send(subscribePacket(this.topics));
      this.#expectAnswer();
    } else if (type === SUBACK) {
      this.#answered();
      this.failures = 0;
      this.pinger = setInterval(() => this.#ping(), KEEPALIVE_S * 500);
      const denied = body.slice(2).includes(0x80);
      const reason = denied ? "the broker does not let this user read every topic" : "";
      this.handlers.state("connected", reason);
    } else if (type === PINGRESP) {
      this.#answered();
    } else if (type === PUBLISH) {
      const topicLength = (body[0] << 8) | body[1];
      const payloadAt = 2 + topicLength + ((flags & 0b0110) ? 2 : 0);
      const topic = new TextDecoder().decode(body.subarray(2, 2 + topicLength));
      this.handlers.message(topic, body.subarray(payloadAt));
    }
  }

  #ping() {
    this.#send(Uint8Array.of(PINGREQ << 4, 0));
    this.#expectAnswer();
  }
}

/** {type, flags, body, end} of the packet that starts at `at`, or null while it is incomplete. */
export function readPacket(bytes, at) {
  let length = 0;
  for (let i = 0; i < 4; i++) {
    const digit = bytes[at + 1 + i];
    if (digit === undefined) return null;
    length += (digit & 0x7f) * 128 ** i;
    if (digit & 0x80) continue;
    const start = at + 2 + i, end = start + length;
    if (end > bytes.length) return null;
    const body = bytes.subarray(start, end);
    return { type: bytes[at] >> 4, flags: bytes[at] & 15, body, end };
  }
  throw new Error("MQTT: malformed length");
}

function connectPacket(credentials) {
  const id = `page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  const cleanSession = 0x02, hasUser = credentials ? 0xc0 : 0;
  const head = [...text("MQTT"), 4, cleanSession | hasUser, KEEPALIVE_S >> 8, KEEPALIVE_S & 255];
  const login = credentials
    ? [...text(credentials.username), ...text(credentials.password)] : [];
  return packet(CONNECT << 4, [...head, ...text(id), ...login]);
}

function subscribePacket(topics) {
  return packet((SUBSCRIBE << 4) | 2, [0, 1, ...topics.flatMap((topic) => [...text(topic), 0])]);
}

function packet(first, body) {
  const length = [];
  let rest = body.length;
  do {
    length.push((rest % 128) | (rest > 127 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from([first, ...length, ...body]);
}

function text(string) {
  const bytes = new TextEncoder().encode(string);
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
}
