import http from 'node:http';

/** Few and long-lived connections, as services that report usage have them. */
export class HttpClient {
  private readonly agent: http.Agent;

  constructor(
    connections: number,
    private readonly apiKey: string,
  ) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  }

  /** @throws Error with the answer's beginning where it is not 2xx. */
  send(method: 'GET' | 'POST', url: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers: http.OutgoingHttpHeaders = { authorization: `Bearer ${this.apiKey}` };
      if (body !== undefined) {
        headers['content-type'] = 'application/json';
        headers['content-length'] = Buffer.byteLength(body);
      }
      const request = http.request(url, { method, agent: this.agent, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const { statusCode = 0 } = answer;
          if (statusCode >= 200 && statusCode < 300) resolve(text);
          else reject(new Error(`${method} ${url}: ${statusCode} ${text.slice(0, 500)}`));
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
