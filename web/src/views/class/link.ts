/** A connection that comes back by itself: after each break it waits a little longer, and greets again. */

export interface Wire {
  send(text: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
}

export interface Ends {
  /** The first message on every new connection. */
  greeting: () => object;
  /** Called with each message. */
  hear: (message: Record<string, unknown>) => void;
  /** Called when the connection has broken. */
  lost: () => void;
  /** Opens a connection; tests give their own. */
  open?: () => Wire;
  /** The longest pause before another try, in milliseconds. */
  patience?: number;
}

export class Link {
  private wire: Wire | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private over = false;

  constructor(private ends: Ends) {
    this.connect();
  }

  private connect(): void {
    const wire = (this.ends.open ?? openHere)();
    this.wire = wire;
    wire.onopen = () => wire.send(JSON.stringify(this.ends.greeting()));
    wire.onmessage = (event: never) => {
      const message = read((event as { data: unknown }).data);
      if (message === null || this.over) return;
      if (message.type === 'welcome') this.failures = 0;
      this.ends.hear(message);
    };
    wire.onclose = () => {
      if (this.wire !== wire) return;
      this.wire = null;
      if (this.over) return;
      this.ends.lost();
      // Three hundred phones that lost one server must not come back in the same moment.
      const pause = Math.min(this.ends.patience ?? 5000, 250 * 2 ** Math.min(this.failures, 6)) * (0.5 + Math.random());
      this.failures += 1;
      this.timer = setTimeout(() => this.connect(), pause);
    };
  }

  /** Sends a message; one that is said while nobody hears is lost, so callers repeat what matters after a welcome. */
  say(message: object): void {
    try {
      this.wire?.send(JSON.stringify(message));
    } catch {
      // Not open yet, or no longer: the welcome that follows has the matter said again.
    }
  }

  /** Hangs up for good. */
  end(): void {
    this.over = true;
    clearTimeout(this.timer);
    this.wire?.close();
  }
}

function openHere(): Wire {
  return new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/class`);
}

function read(data: unknown): Record<string, unknown> | null {
  try {
    const message: unknown = JSON.parse(String(data));
    return typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
