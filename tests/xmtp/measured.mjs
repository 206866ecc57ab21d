// What a bench asks for: many messages at once, and how long they take, by a clock in this process.
import { performance } from "node:perf_hooks";
import process from "node:process";

/** The operations; `conversation` finds the one that parameters name. */
export function measured(sdk, conversation) {
  const listening = new Map(); // client -> nanoseconds that each message took
  return {
    // {text, count, inFlight}: sends `count` texts, `inFlight` at a time. `seconds` until the last send returned,
    // `settledSeconds` until they have come back from the node as well
    sendMany: async ({ text, count, inFlight, ...parameters }) => {
      const into = await conversation(parameters);
      const started = performance.now();
      const since = () => (performance.now() - started) / 1000;
      let next = 0;
      const turn = async () => {
        while (next < count) {
          next += 1;
          await sdk.send(into, "text", `${text} ${next}`, {});
        }
      };
      await Promise.all(Array.from({ length: inFlight }, turn));
      const seconds = since();
      await into.sync();
      return { seconds, settledSeconds: since() };
    },
    // streams the messages of a conversation; each text begins with the time at which it was sent, in nanoseconds of the
    // machine's monotonic clock
    listen: async (parameters) => {
      const took = [];
      const onValue = ({ content }) => {
        const now = process.hrtime.bigint();
        const sent = typeof content === "string" && /^\d+/.exec(content);
        if (sent) took.push(Number(now - BigInt(sent[0])));
      };
      await (await conversation(parameters)).stream({ onValue });
      listening.set(parameters.client, took);
    },
    // {count}: waits for so many messages that came since the last time, and says how long each took
    heard: async ({ client, count }) => {
      const took = listening.get(client);
      while (took.length < count) await new Promise((done) => setTimeout(done, 10));
      return { nanoseconds: took.splice(0, count) };
    },
  };
}
