/**
 * The one importer of isomorphic-git, loaded when it is needed. Its names are imported one by one:
 * a bundle gives a package in the form of CommonJS no names of its own when it is loaded late. It
 * reads environment variables while it loads.
 *
 * @module
 */

export { indexPack, readObject } from "isomorphic-git";
