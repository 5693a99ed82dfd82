/** The data that the page keeps and shows. All of it survives structured cloning, so IndexedDB can hold it. */

/** An image as it is sent: the browser may have made it smaller before. */
export interface Picture {
  id: string;
  conversation: string;
  name: string;
  blob: Blob;
  width: number;
  height: number;
  /** Size before the browser made it smaller; absent where it was sent as it was. */
  from?: { width: number; height: number };
}

/** What a request failed with, as the API says it. `status` is 0 where no answer came at all. */
export interface Failure {
  status: number;
  code: string;
  message: string;
  param?: string;
  retryAfterS?: number;
}

export interface Stats {
  thinkingTokens: number;
  answerTokens: number;
  promptTokens?: number;
  imageTokens?: number;
  /** Seconds until the first piece came, then of thinking, then of answering. */
  waitS: number;
  thinkingS: number;
  answerS: number;
  /** Whether the server counted the tokens; otherwise they are the page's estimate. */
  exact: boolean;
}

export type TurnState = "done" | "running" | "stopped" | "interrupted" | "failed";

/** One node of the tree of a conversation. Its parent is the turn before it; siblings are branches. */
export interface Turn {
  id: string;
  conversation: string;
  parent: string | null;
  role: "user" | "assistant";
  text: string;
  thinking: string;
  pictures: string[];
  created: number;
  state: TurnState;
  /** While it runs: the tab that writes it, and when it last did. */
  owner?: string;
  beat?: number;
  failure?: Failure;
  /** Why it ended, as the API names it: `stop`, `length`; and `budget`, `loop`, `deadline`. */
  finish?: string;
  detail?: string;
  /** Whether the server marked the answer as one that says it cannot be told. */
  refused?: boolean;
  stats?: Stats;
  model?: string;
  /** The exact answer of a shipped example, to compare with. */
  expected?: string;
  /** The tool that drew the figure of a shipped example, where it was not r1v's own. */
  tool?: string;
}

export interface Conversation {
  id: string;
  title: string;
  /** Whether a person chose the title. */
  named: boolean;
  created: number;
  updated: number;
  /** The last turn of the branch that is shown. */
  head: string | null;
}

/** What /v1/models says of a model. Only `id` is sure to be there. */
export interface Model {
  id: string;
  owned_by?: string;
  context_length?: number;
  max_model_len?: number;
  input_modalities?: string[];
  capabilities?: { reasoning?: boolean; tools?: boolean; vision?: boolean };
  max_images?: number;
  num_parameters?: number;
  num_bytes?: number;
  device?: string;
  dtype?: string;
  default_sampling?: Partial<Record<"temperature" | "top_p" | "thinking_budget" | "max_tokens", number | null>>;
  card?: {
    summary?: string;
    license?: string;
    languages?: string[];
    cannot?: string[];
    kinds?: { name: string; accuracy: number }[];
  };
}

/** A drawn question that ships with the page. */
export interface Example {
  question: string;
  answer: string;
  /** WebP files in Base64. */
  images: string[];
  /** The tool that drew them, where it was not r1v's own. */
  tool?: string;
}
