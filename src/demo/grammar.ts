import { type Choices, type Dice, dice } from './dice.ts';
import * as words from './words.ts';
import { type Intent, intents } from './words.ts';

/** A customer's message to a shop, in plain sentences. */
export interface Message {
  /** What the customer asks for; null for a message of praise. */
  readonly wanted: Intent | null;
  /** Other things that are named and not asked for. */
  readonly mentioned: readonly Intent[];
  /** Greeting and what happened: no hint of what is wanted. */
  readonly opening: string;
  /** The sentence that says what is wanted; empty in praise. */
  readonly request: string;
  /** A sentence that only who wants just this would add. */
  readonly closing: string;
  /** A polite end; may be empty. */
  readonly ending: string;
}

/** Shares of messages and of their parts. */
const PRAISE = 0.15;
const GREETING = 0.4;
const SITUATION = 0.6;
const ENDING = 0.3;
const ADJECTIVE = 0.5;
/** Requests that name one thing, and those that name three; the others name two. */
const PLAIN = 0.4;
const DOUBLE_CONTRAST = 0.15;

/** Values for the `{slots}` of templates. */
type Slots = Readonly<Record<string, string>>;

/** The message of a number: the same (seed, number), the same message. */
export function message(seed: number, number: number): Message {
  const random = dice(seed, number);
  const slots = drawSlots(random);
  const say = (templates: Choices<string>, more: Slots = {}): string =>
    sentence(fill(random.pick(templates), { ...slots, ...more }));
  const maybe = (p: number, templates: Choices<string>): string => (random.chance(p) ? say(templates) : '');

  if (random.chance(PRAISE)) {
    return {
      wanted: null,
      mentioned: [],
      opening: join(maybe(GREETING, words.greetings), say(words.praises)),
      request: '',
      closing: say(words.praiseClosings),
      ending: maybe(ENDING, words.endings),
    };
  }
  const [wanted, second, third] = threeIntents(random);
  const opening = join(maybe(GREETING, words.greetings), maybe(SITUATION, words.situations));
  const draw = random.between(0, 99) / 100;
  const [templates, mentioned]: [Choices<string>, Intent[]] =
    draw < PLAIN
      ? [words.plainRequests, []]
      : draw < PLAIN + DOUBLE_CONTRAST
        ? [words.doubleContrasts, [second, third]]
        : [words.contrasts, [second]];
  const wish = (intent: Intent): string => fill(random.pick(words.wishes[intent]), slots);
  const request = say(templates, { A: wish(wanted), B: wish(second), C: wish(third) });
  return {
    wanted,
    mentioned,
    opening,
    request,
    closing: say(words.closings[wanted]),
    ending: maybe(ENDING, words.endings),
  };
}

/** Texts joined by spaces, empty ones left out. */
export function join(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}

/** Every word of the grammar, in lower case. */
export function grammarWords(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const text of textsIn(Object.values(words))) {
    for (const [word] of text.replaceAll(/\{\w+\}/g, ' ').matchAll(/[a-z]+/gi)) {
      found.add(word.toLowerCase());
    }
  }
  return found;
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** What one message speaks of: one product, one relative, one order. */
function drawSlots(random: Dice): Slots {
  const range = random.pick(words.ranges);
  const isPlural = random.chance(0.5);
  const product = random.pick(isPlural ? range.plural : range.singular);
  const adjective = random.pick(range.adjectives);
  const described = random.chance(ADJECTIVE) ? `${adjective} ${product}` : product;
  const [singularFault, pluralFault] = random.pick(range.faults);
  const [person, he, his] = random.pick(words.people);
  const weekday = random.pick(words.weekdays);
  return {
    product,
    adjective,
    thing: isPlural ? described : `${article(described)} ${described}`,
    new: `${words.others[isPlural ? 'plural' : 'singular']} ${product}`,
    fault: isPlural ? pluralFault : singularFault,
    ...words.agreement[isPlural ? 'plural' : 'singular'],
    person,
    he,
    his,
    weekday,
    past: fill(random.pick(words.pastTimes), { weekday }),
    future: fill(random.pick(words.futureTimes), { weekday }),
    days: random.pick(words.counts),
    price: random.pick(words.prices),
    city: random.pick(words.cities),
    number: `${random.between(1000, 9999)}`,
  };
}

function threeIntents(random: Dice): [Intent, Intent, Intent] {
  const n = intents.length;
  const first = random.between(0, n - 1);
  const second = (first + random.between(1, n - 1)) % n;
  let third = random.between(0, n - 1);
  while (third === first || third === second) third = (third + 1) % n;
  const [fallback] = intents;
  return [intents[first] ?? fallback, intents[second] ?? fallback, intents[third] ?? fallback];
}

function article(noun: string): string {
  return /^[aeiou]/.test(noun) ? words.articles.vowel : words.articles.consonant;
}

function fill(template: string, slots: Slots): string {
  return template.replaceAll(/\{(\w+)\}/g, (slot, name: string) => slots[name] ?? slot);
}

/** With capitals at the start and for "I". */
function sentence(text: string): string {
  return text.replaceAll(/\bi\b/g, 'I').replace(/^./, (letter) => letter.toUpperCase());
}
