import KMSModel

// Finding what a request works on.

extension Pipeline {
    /// What the request works on.
    @inline(__always)
    func subject<Op: Operation>(
        of operation: Op.Type, _ input: Op.Input, _ body: JSONObject, _ context: RequestContext
    ) async throws(KMSError) -> Op.Subject {
        if let known = try knownSubject(of: operation, input, context) { return known }
        return try await soughtSubject(of: operation, input, body, context)
    }

    /// What the request works on; nil if more than memory has to be asked, or something may have to be made.
    private func knownSubject<Op: Operation>(
        of operation: Op.Type, _ input: Op.Input, _ context: RequestContext
    ) throws(KMSError) -> Op.Subject? {
        guard shared?.residency == nil else { return nil }
        do throws(KMSError) {
            return try Op.resolve(input, with: resolver(for: context))
        } catch {
            guard Self.mayBeMade(operation, after: error) else { throw error }
            return nil
        }
    }

    /// Looks for what the request works on wherever it may be.
    ///
    /// The key of an AWS service comes into being when somebody who may use it first asks for it by its alias, except in a
    /// dry run.
    private func soughtSubject<Op: Operation>(
        of operation: Op.Type, _ input: Op.Input, _ body: JSONObject, _ context: RequestContext
    ) async throws(KMSError) -> Op.Subject {
        func resolve() async throws(KMSError) -> Op.Subject {
            try await resolving(body, for: context) { resolver throws(KMSError) in
                try Op.resolve(input, with: resolver)
            }
        }
        do throws(KMSError) {
            return try await resolve()
        } catch {
            guard Self.mayBeMade(operation, after: error) else { throw error }
            let drafts = try managedKeys.drafts(namedIn: body, for: context)
            // Somebody else may have made the key meanwhile.
            guard !drafts.isEmpty else { return try await resolve() }
            let imagined = try Op.resolve(input, with: resolver(for: context, drafts: drafts))
            if Op.isDryRun(input) { return imagined }
            _ = try authorizer.permit(
                imagined, Op.accesses(to: imagined, for: input), for: Op.description, in: context)
            try await managedKeys.makeMissing(namedIn: body, for: context)
            return try await resolve()
        }
    }

    private func resolver(for context: RequestContext, drafts: [AliasARN: KeySnapshot] = [:]) -> KeyResolver {
        KeyResolver(
            directory: directory, keyring: keyring, caller: context.caller, now: context.now, drafts: drafts)
    }

    /// Whether what an operation did not find may be a key of an AWS service, which comes into being when it is asked for.
    private static func mayBeMade<Op: Operation>(_ operation: Op.Type, after error: KMSError) -> Bool {
        error.code == .notFound && Op.description.identifiers == .any
    }
}
