/**
 * One sign-in as the MCP SDK's client asks about it: who we are, what is kept, where the person is
 * sent. Needs no permission of its own.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import type { OAuthRecord, OAuthStore } from "./oauth_store.ts";
import type { OAuthClientProvider } from "./sdk.ts";

/** A client that the operator registered by hand, where a server takes no registration. */
export interface OAuthClient {
  /** Its id. */
  readonly id: string;
  /** Its secret, if it has one. */
  readonly secret?: string;
  /** The port of the redirect address that it was registered with. @default any */
  readonly redirectPort?: number;
}

/** What a {@linkcode SignIn} works with. */
export interface SignInDeps {
  /** Where tokens and registrations are kept. */
  readonly store: OAuthStore;
  /** Tells when tokens came. */
  readonly clock: Clock;
}

/** What a {@linkcode SignIn} is for. */
export interface SignInOptions {
  /** The server to sign in to. */
  readonly server: URL;
  /** Where the browser comes back to. */
  readonly redirectUrl: string;
  /** A client that is registered already. */
  readonly client?: OAuthClient;
  /** Whether tokens are renewed only; a person is not asked. @default {false} */
  readonly renewOnly?: boolean;
}

type Provider = OAuthClientProvider;
type Discovery = Parameters<NonNullable<Provider["saveDiscoveryState"]>>[0];
type ClientInformation = Parameters<NonNullable<Provider["saveClientInformation"]>>[0];
type Tokens = Parameters<Provider["saveTokens"]>[0];
type Scope = Parameters<NonNullable<Provider["invalidateCredentials"]>>[0];

const STATE_BYTES = 32;

/** One sign-in, from its first question to the tokens. */
export class SignIn implements OAuthClientProvider {
  readonly #deps: SignInDeps;
  readonly #options: SignInOptions;
  readonly #state = randomText();
  #verifier = "";
  #discovery: Discovery | undefined;
  #authorizationUrl: URL | undefined;

  /**
   * @param deps Store and time.
   * @param options Server and redirect address.
   */
  constructor(deps: SignInDeps, options: SignInOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Where the person is to be sent; `undefined` before that is known. */
  get authorizationUrl(): URL | undefined {
    return this.#authorizationUrl;
  }

  /** Who signs in, as its own metadata names it (RFC 8414, 2). */
  get issuer(): string | undefined {
    return this.#discovery?.authorizationServerMetadata?.issuer;
  }

  /** @inheritdoc */
  get redirectUrl(): string {
    return this.#options.redirectUrl;
  }

  /** How we register: a public client with PKCE (RFC 7591, 2; RFC 8252, 8.4). */
  get clientMetadata(): Provider["clientMetadata"] {
    return {
      client_name: "Wharf",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  /** @inheritdoc */
  state(): string {
    return this.#state;
  }

  /** @inheritdoc */
  async clientInformation(): Promise<ClientInformation | undefined> {
    const { client: kept } = await this.#read();
    const { client } = this.#options;
    if (client === undefined) return kept;
    return {
      client_id: client.id,
      ...(client.secret === undefined ? {} : { client_secret: client.secret }),
      // Where it was used first; it must go nowhere else.
      ...(kept?.client_id === client.id && kept.issuer !== undefined
        ? { issuer: kept.issuer }
        : {}),
    };
  }

  /** @inheritdoc */
  async saveClientInformation(information: ClientInformation): Promise<void> {
    const { client, server, redirectUrl } = this.#options;
    if (client !== undefined && information.client_id !== client.id) {
      throw new AppError(
        "ADDRESS_REFUSED",
        `Cannot sign in to "${server.host}": it now names another authorization server`,
        { hint: "If that is right, forget the sign-in and give the client of the new one" },
      );
    }
    // The secret of a client that the operator keeps is not written a second time.
    const { client_secret: _, ...open } = information;
    const kept = client === undefined ? information : open;
    await this.#update((record) => ({ ...record, client: kept, redirectUrl }));
  }

  /** @inheritdoc */
  async tokens(): Promise<Tokens | undefined> {
    // A person is asked where what is kept is of no use.
    if (this.#options.renewOnly !== true) return undefined;
    return (await this.#read()).tokens;
  }

  /** @inheritdoc */
  async saveTokens(tokens: Tokens): Promise<void> {
    const obtainedAtMs = this.#deps.clock.now();
    await this.#update((record) => ({ ...record, tokens, obtainedAtMs }));
  }

  /** @inheritdoc */
  redirectToAuthorization(url: URL): void {
    this.#authorizationUrl = url;
  }

  /** @inheritdoc */
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  /** @inheritdoc */
  codeVerifier(): string {
    return this.#verifier;
  }

  /** @inheritdoc */
  async invalidateCredentials(scope: Scope): Promise<void> {
    if (scope === "discovery" || scope === "all") this.#discovery = undefined;
    if (scope === "verifier" || scope === "discovery") return;
    await this.#update(({ tokens, obtainedAtMs, ...rest }) => ({
      ...(scope === "client" ? { tokens, obtainedAtMs } : {}),
      ...(scope === "tokens" ? rest : {}),
    }));
  }

  /** @inheritdoc */
  discoveryState(): Discovery | undefined {
    return this.#discovery;
  }

  /**
   * Keeps what was discovered, for this sign-in only.
   *
   * @throws {AppError} `UNAUTHORIZED` when nothing was, where something was before: tokens must not
   * go to addresses that are only guessed.
   */
  async saveDiscoveryState(state: Discovery): Promise<void> {
    this.#discovery = state;
    if (this.#options.renewOnly !== true || !this.isGuess) return;
    const { tokens } = await this.#read();
    if (tokens?.issuer !== state.authorizationServerUrl) throw this.noServer();
  }

  /**
   * Whether the server describes nothing, so that the addresses of its authorization server are
   * those that the first version of MCP's authorization had (2025-03-26, "Fallbacks").
   */
  get isGuess(): boolean {
    return this.#discovery !== undefined && this.#discovery.resourceMetadata === undefined &&
      this.#discovery.authorizationServerMetadata === undefined;
  }

  /** The error for a server that has none. */
  noServer(): AppError {
    return new AppError(
      "UNAUTHORIZED",
      `Cannot sign in to "${this.#options.server.host}": it names no authorization server`,
      { hint: "It may want a key in a header: look at its settings, and set it" },
    );
  }

  #read(): Promise<OAuthRecord> {
    return this.#deps.store.read(this.#options.server);
  }

  #update(change: (record: OAuthRecord) => OAuthRecord): Promise<void> {
    return this.#deps.store.update(this.#options.server, change);
  }
}

function randomText(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(STATE_BYTES));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
