import KMSModel

package import struct Foundation.Date

/// When and for what an access key last signed a request.
///
/// Source: IAM API Reference, data type `AccessKeyLastUsed`. It is kept in memory: a server that starts anew knows of no use.
package struct AccessKeyUse: Sendable, Equatable {
    /// When it was.
    package let date: Date
    /// The service as signatures name it, such as `kms`.
    package let service: String
    /// The region that the signature was for.
    package let region: String
}
