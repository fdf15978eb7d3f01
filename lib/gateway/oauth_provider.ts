/**
 * One sign-in as the MCP SDK's client asks about it: who we are, what is kept, where the person is
 * sent. Needs no permission of its own.
 *
 * @module
 */

import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/host.ts";
import { type ClientGrant, keyAuthentication, tokenRequest } from "./oauth_grant.ts";
import type { OAuthRecord, OAuthStore } from "./oauth_store.ts";
import type { AddClientAuthentication, FetchLike, OAuthClientProvider } from "./sdk.ts";

/** A client that the operator registered by hand, or that describes itself. */
export interface OAuthClient {
  /** Its id; without it Wharf registers, or is named by `metadataUrl`. */
  readonly id?: string;
  /** Its secret, if it has one. */
  readonly secret?: string;
  /** Its private key in PEM, in place of a secret; only with a grant. */
  readonly privateKey?: string;
  /** The authorization server that knows it; it is named to no other. @default the first one */
  readonly issuer?: string;
  /**
   * Its metadata document, whose address is its id where the authorization server takes that (OAuth
   * Client ID Metadata Documents).
   */
  readonly metadataUrl?: string;
  /** How it gets tokens without a person. @default a person signs in */
  readonly grant?: ClientGrant;
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
  /** Where the browser comes back to; absent where no person signs in. */
  readonly redirectUrl?: string;
  /** A client that is registered already, or describes itself. */
  readonly client?: OAuthClient;
  /** What a token without a person must allow. */
  readonly scope?: string;
  /** Asks an identity provider. */
  readonly askProvider?: FetchLike;
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
  /** How the client proves itself by a key; absent: by what the server and its secret allow. */
  readonly addClientAuthentication?: AddClientAuthentication;
  /** Where the client describes itself. */
  readonly clientMetadataUrl?: string;
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
    const { id, metadataUrl, privateKey } = options.client ?? {};
    if (metadataUrl !== undefined) this.clientMetadataUrl = metadataUrl;
    if (id !== undefined && privateKey !== undefined) {
      this.addClientAuthentication = keyAuthentication(id, privateKey);
    }
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
  get redirectUrl(): string | undefined {
    return this.#options.redirectUrl;
  }

  /** How we register: a public client with PKCE (RFC 7591, 2; RFC 8252, 8.4). */
  get clientMetadata(): Provider["clientMetadata"] {
    return {
      client_name: "Wharf",
      redirect_uris: this.redirectUrl === undefined ? [] : [this.redirectUrl],
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
    if (client?.id === undefined) return kept;
    // Where it was used first; it must go nowhere else.
    const issuer = client.issuer ?? (kept?.client_id === client.id ? kept.issuer : undefined);
    return {
      client_id: client.id,
      ...(client.secret === undefined ? {} : { client_secret: client.secret }),
      ...(issuer === undefined ? {} : { issuer }),
    };
  }

  /** @inheritdoc */
  async saveClientInformation(information: ClientInformation): Promise<void> {
    const { client, server, redirectUrl } = this.#options;
    if (client?.id !== undefined && information.client_id !== client.id) {
      throw new AppError(
        "ADDRESS_REFUSED",
        `Cannot sign in to "${server.host}": it now names another authorization server`,
        { hint: "If that is right, forget the sign-in and give the client of the new one" },
      );
    }
    // The secret of a client that the operator keeps is not written a second time.
    const { client_secret: _, ...open } = information;
    const kept = client?.id === undefined ? information : open;
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

  /** The request of a client that needs no person; `undefined` where a person brings a code. */
  async prepareTokenRequest(): Promise<URLSearchParams | undefined> {
    const { client, server, scope, askProvider } = this.#options;
    if (client?.grant === undefined || askProvider === undefined) return undefined;
    const { resourceMetadata, authorizationServerUrl = "" } = this.#discovery ?? {};
    const wanted = scope ?? resourceMetadata?.scopes_supported?.join(" ");
    return await tokenRequest(client.grant, {
      issuer: this.issuer ?? authorizationServerUrl,
      resource: resourceMetadata?.resource ?? server.href,
      ask: askProvider,
      ...(wanted === undefined ? {} : { scope: wanted }),
    });
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
