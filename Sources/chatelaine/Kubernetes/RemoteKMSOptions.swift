import ArgumentParser
import Foundation
import KMSKubernetes
import KMSModel

/// The options that say which key of which KMS is used, and by whom; their names are those of the AWS CLI.
struct RemoteKMSOptions: ParsableArguments {
    @Option(help: "The key that encrypts: an identifier, an ARN or an alias.")
    var keyId: String

    @Option(help: "The ARN of a key that encrypted before, and decrypts; may be given several times.")
    var previousKeyId: [String] = []

    @Option(help: "A pair that all ciphertexts are bound to, NAME=VALUE; may be given several times.")
    var encryptionContext: [String] = []

    @Option(help: "The URL of the KMS (default: AWS's in the region).")
    var endpointUrl: String?

    @Option(help: "The region of the key (default: that of its ARN).")
    var region: String?

    @Option(help: "The profile of the credentials file, instead of an access key in the environment.")
    var profile: String?

    @Option(help: "A PEM file with the roots of the server's certificate (default: the system's).")
    var caBundle: String?

    @Flag(help: "Send what is encrypted to other machines without TLS.")
    var withoutTls = false

    /// How requests reach the KMS.
    ///
    /// - Throws: ``CommandFailure`` for options that say nothing sensible.
    func exchange(_ environment: [String: String]) throws -> KMSExchange {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let regionName = region ?? variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? regionOfKey
        guard let regionName else { throw CommandFailure.configuration("--region is missing") }
        guard let region = Region(regionName) else {
            throw CommandFailure.configuration("\"\(regionName)\" is not the name of a region")
        }
        let url = endpointUrl ?? variable("AWS_ENDPOINT_URL_KMS") ?? variable("AWS_ENDPOINT_URL")
        let source = CredentialSource(
            profile: profile, environment: environment, home: NSHomeDirectory())
        let endpoint = try endpoint(url, in: region)
        do throws(PluginFailure) {
            return try KMSExchange(
                endpoint: endpoint, region: region, credentials: source,
                roots: caBundle ?? variable("AWS_CA_BUNDLE"))
        } catch {
            throw CommandFailure.configuration(error.message)
        }
    }

    /// The key and what it is used with.
    ///
    /// - Throws: ``CommandFailure`` for options that say nothing sensible.
    func key(_ kms: any RemoteKMS) throws -> ConfiguredKey {
        let previous = try previousKeyId.map { text in
            guard let arn = KeyARN(text) else {
                throw CommandFailure.configuration("\"\(text)\" is not the ARN of a key")
            }
            return arn
        }
        let context = try encryptionContext.map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandFailure.configuration("\"\(pair)\" is not a pair of the form NAME=VALUE")
            }
            return (parts[0], parts[1])
        }
        guard Set(context.map(\.0)).count == context.count else {
            throw CommandFailure.configuration("--encryption-context has a name twice")
        }
        return ConfiguredKey(
            kms: kms, reference: keyId, previous: Set(previous), context: Dictionary(uniqueKeysWithValues: context))
    }

    private var regionOfKey: String? {
        let parts = keyId.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 6 ? String(parts[3]) : nil
    }

    private func endpoint(_ url: String?, in region: Region) throws -> KMSEndpoint {
        guard let endpoint = url.map({ KMSEndpoint($0) }) ?? KMSEndpoint(ofAWSIn: region) else {
            throw CommandFailure.configuration(
                url.map { "\"\($0)\" is not a URL of the form https://HOST:PORT" } ?? "--endpoint-url is missing")
        }
        guard !endpoint.isPlaintext || endpoint.isLoopback || withoutTls else {
            throw CommandFailure.configuration(
                "\(endpoint.url) is another machine's, and requests carry plaintext: use https, or --without-tls")
        }
        return endpoint
    }
}
