import type { Choices } from './dice.ts';

/** What a shop sells together: its goods, how they are described and what goes wrong with them. */
export interface Range {
  readonly singular: Choices<string>;
  readonly plural: Choices<string>;
  readonly adjectives: Choices<string>;
  /** Of one thing, and of several. */
  readonly faults: Choices<readonly [singular: string, plural: string]>;
}

export const ranges: Choices<Range> = [
  {
    singular: ['kettle', 'toaster', 'teapot', 'pan', 'blender'],
    plural: ['cups', 'plates', 'bowls', 'knives', 'spoons'],
    adjectives: ['steel', 'glass', 'copper', 'enamel'],
    faults: [
      ['leaks', 'leak'],
      ['is cracked', 'are cracked'],
      ['is chipped', 'are chipped'],
      ['gets too hot', 'get too hot'],
    ],
  },
  {
    singular: ['jacket', 'shirt', 'dress', 'coat', 'scarf'],
    plural: ['shoes', 'gloves', 'socks', 'trousers', 'boots'],
    adjectives: ['cotton', 'leather', 'warm', 'knitted'],
    faults: [
      ['is too small', 'are too small'],
      ['is too wide', 'are too wide'],
      ['has a hole', 'have a hole'],
      ['is torn', 'are torn'],
    ],
  },
  {
    singular: ['phone', 'camera', 'printer', 'radio', 'keyboard'],
    plural: ['headphones', 'speakers', 'batteries', 'chargers', 'cables'],
    adjectives: ['wireless', 'digital', 'portable', 'silver'],
    faults: [
      ['does not start', 'do not start'],
      ['does not charge', 'do not charge'],
      ['makes a strange noise', 'make a strange noise'],
      ['switches off after a minute', 'switch off after a minute'],
    ],
  },
  {
    singular: ['chair', 'desk', 'lamp', 'mirror', 'wardrobe'],
    plural: ['curtains', 'shelves', 'stools', 'drawers', 'cushions'],
    adjectives: ['wooden', 'white', 'folding', 'round'],
    faults: [
      ['is scratched', 'are scratched'],
      ['wobbles', 'wobble'],
      ['came without screws', 'came without screws'],
      ['has a loose leg', 'have a loose leg'],
    ],
  },
  {
    singular: ['novel', 'atlas', 'calendar', 'cookbook', 'notebook'],
    plural: ['comics', 'dictionaries', 'postcards', 'magazines', 'maps'],
    adjectives: ['illustrated', 'French', 'signed', 'Spanish'],
    faults: [
      ['misses some pages', 'miss some pages'],
      ['is printed badly', 'are printed badly'],
      ['has a stained cover', 'have a stained cover'],
      ['smells of smoke', 'smell of smoke'],
    ],
  },
  {
    singular: ['mower', 'spade', 'hose', 'tent', 'grill'],
    plural: ['pots', 'seeds', 'benches', 'fences', 'tools'],
    adjectives: ['electric', 'heavy', 'plastic', 'yellow'],
    faults: [
      ['is rusty', 'are rusty'],
      ['is bent', 'are bent'],
      ['broke in the rain', 'broke in the rain'],
      ['lost its colour in the sun', 'lost their colour in the sun'],
    ],
  },
];

/** What a customer may want. */
export const intents = ['delivery', 'exchange', 'invoice', 'login', 'refund'] as const;
export type Intent = (typeof intents)[number];

/** Names of each thing that a customer may want, to be sent or given. */
export const wishes: Readonly<Record<Intent, Choices<string>>> = {
  delivery: ['a delivery date', 'the tracking number', 'news about the parcel', 'the day of arrival'],
  exchange: ['a replacement', '{new}', 'the same {product} again', 'an exchange'],
  invoice: ['an invoice', 'a copy of the bill', 'the receipt', 'the bill for the {product}'],
  login: ['a new password', 'access to the account', 'a login code', 'a link for the website'],
  refund: ['a refund', 'the money back', 'the full price back', 'a refund for the {product}'],
};

/** What customers add who want this and nothing else; none names the thing. */
export const closings: Readonly<Record<Intent, Choices<string>>> = {
  delivery: [
    'nobody has rung at the door yet.',
    'we have been waiting for {days} days.',
    'the driver was not here {past}.',
    'i am at home until {weekday}.',
  ],
  exchange: [
    'i can bring the broken {one} to the shop.',
    'my {person} needs {them} for {his} holiday, and {it} must work.',
    'the broken {one} can be collected {future}.',
    'if the colour is sold out, take blue.',
  ],
  invoice: [
    'my office needs it for the taxes.',
    'the name of our company must be on it.',
    'please put the address of my office on it.',
    'it has to show the taxes.',
  ],
  login: [
    'the page says that my name is unknown.',
    'i have tried to sign in {days} times.',
    'my email has changed.',
    'the screen stays empty when i sign in.',
  ],
  refund: [
    'i paid by card, {price} euros.',
    'please transfer it to my bank.',
    'it was {price} euros, and the bank needs {days} days.',
    'you can also pay it in cash.',
  ],
};

/** Requests that name one thing, `{A}`, and want it. */
export const plainRequests: Choices<string> = [
  'please send me {A}.',
  'i would like to have {A}.',
  'can you give me {A}?',
  'i am writing because i need {A}.',
];

/** Requests that name two things and want `{A}`. None would stay true with A and B exchanged. */
export const contrasts: Choices<string> = [
  'i do not want {B}, i want {A}.',
  'i want {A}, i do not want {B}.',
  'instead of {B} please send me {A}.',
  'please send me {A} instead of {B}.',
  'you already sent me {B}, but i still need {A}.',
  'i still need {A}, but you already sent me {B}.',
  'first i asked for {B}, now i would prefer {A}.',
  'now i would prefer {A}, first i asked for {B}.',
  'my {person} wants {B}, but i only want {A}.',
  'i only want {A}, but my {person} wants {B}.',
  'forget {B} and give me {A}.',
  'give me {A} and forget {B}.',
  'i would rather have {A} than {B}.',
  'rather than {B} i would have {A}.',
  '{B} can wait, {A} can not.',
  '{A} can not wait, {B} can.',
  'thank you for {B}, what is missing is {A}.',
  'what is missing is {A}, thank you for {B}.',
];

/** Requests that name three things and want `{A}`. */
export const doubleContrasts: Choices<string> = [
  'i need neither {B} nor {C}, only {A}.',
  'only {A} is what i need, neither {B} nor {C}.',
  'you offered me {B} and {C}, but i want {A}.',
  'i want {A}, but you offered me {B} and {C}.',
];

/** How a message may begin. */
export const greetings: Choices<string> = [
  'hello.',
  'good morning.',
  'dear team.',
  'hi there.',
  'good evening.',
];

/** What happened before; it does not tell what is wanted. */
export const situations: Choices<string> = [
  'i ordered {thing} {past}.',
  'my order {number} came {past}.',
  'my {person} bought {thing}, and {he} says that {it} {fault}.',
  'the {product} from order {number} {fault}.',
  'the {product} came {past}, but {it} {fault}.',
  '{past} i found {thing} in your shop in {city}.',
  'we have had {thing} from you since {weekday}, and {it} {fault}.',
  'i wrote to you {past} about {thing}.',
  'your shop in {city} sold me {thing}, but {it} {fault}.',
];

/** Praise, for messages that want nothing. */
export const praises: Choices<string> = [
  'the {adjective} {product} {is} perfect.',
  'my {person} loves {them}, and {he} will order again.',
  'your team in {city} was very friendly and quick.',
  'the quality is great for {price} euros.',
];
export const praiseClosings: Choices<string> = [
  'you get five stars from me.',
  'thank you all and keep it up.',
  'i will tell my friends about you.',
  'that is how a good shop works.',
];

/** How a message may end, whatever it wants. */
export const endings: Choices<string> = ['thank you.', 'kind regards.', 'best wishes.', 'many thanks.'];

/** Relatives, and the pronouns for them. */
export const people: Choices<readonly [person: string, subject: 'he' | 'she', possessive: 'his' | 'her']> = [
  ['brother', 'he', 'his'],
  ['father', 'he', 'his'],
  ['son', 'he', 'his'],
  ['husband', 'he', 'his'],
  ['uncle', 'he', 'his'],
  ['sister', 'she', 'her'],
  ['mother', 'she', 'her'],
  ['daughter', 'she', 'her'],
  ['wife', 'she', 'her'],
  ['aunt', 'she', 'her'],
];

export const weekdays: Choices<string> = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
  'Sunday',
];
export const pastTimes: Choices<string> = [
  'yesterday',
  'last week',
  'last month',
  'two days ago',
  'this morning',
  'last {weekday}',
];
export const futureTimes: Choices<string> = [
  'tomorrow',
  'next week',
  'next month',
  'next {weekday}',
  'tonight',
];
export const counts: Choices<string> = ['three', 'four', 'six', 'seven', 'eight', 'nine', 'ten'];
export const prices: Choices<string> = ['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'ninety'];
export const cities: Choices<string> = [
  'Lisbon',
  'Vienna',
  'Dublin',
  'Oslo',
  'Athens',
  'Geneva',
  'Turin',
  'Porto',
];

/** Words that agree with one thing and with several. */
export const agreement = {
  singular: { it: 'it', them: 'it', is: 'is', one: 'one' },
  plural: { it: 'they', them: 'them', is: 'are', one: 'ones' },
} as const;
export const articles = { consonant: 'a', vowel: 'an' } as const;
/** What a replacement is called. */
export const others = { singular: 'another', plural: 'other' } as const;
