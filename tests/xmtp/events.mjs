// Streams, as lines: `message`, `conversation`, `consent`, `preferences` with a value; `restarted`, `failed`, `error`, `ended`
// when the SDK says so.
import * as shape from "./shapes.mjs";

// The SDK's own default is a minute: longer than a test waits.
const retry = { retryDelay: 500, retryAttempts: 10_000 };

const kinds = {
  messages: (client, options) => client.conversations.streamAllMessages(options),
  conversations: (client, options) => client.conversations.stream(options),
  consent: (client, options) => client.preferences.streamConsent(options),
  preferences: (client, options) => client.preferences.streamPreferences(options),
};

/** Opens a stream of one kind, or of one conversation's messages; `emit` gets its events. */
export async function open(sdk, client, kind, conversation, emit) {
  const value = async (value) => {
    switch (kind) {
      case "messages":
        return emit("message", shape.message(value));
      case "conversations":
        return emit("conversation", await shape.conversation(value, sdk.isGroup(value)));
      default:
        return emit(kind, value);
    }
  };
  const options = {
    ...retry,
    onValue: (given) => value(given).catch((error) => emit("error", String(error))),
    onError: (error) => emit("error", String(error?.message ?? error)),
    onFail: () => emit("failed"),
    onRestart: () => emit("restarted"),
    onEnd: () => emit("ended"),
  };
  return conversation ? conversation.stream(options) : kinds[kind](client, options);
}
