import KMSAccess
import KMSModel
import Synchronization
import Testing

struct PartitionTests {
    /// Elsewhere the same names are other ARNs: a policy that denies an ARN of its own partition would deny nothing.
    @Test(arguments: [
        (Partition.aws, "us-east-1", true), (.aws, "cn-north-1", false), (.aws, "us-gov-west-1", false),
        (.china, "cn-north-1", true), (.china, "us-east-1", false), (.usGovernment, "us-gov-west-1", true),
    ])
    func `credentials work in their account's partition only`(
        partition: Partition, region: String, isValid: Bool
    ) throws {
        let access = try Access()
        access.partition.withLock { $0 = partition }
        let session = try access.temporaryCredentials(lasting: 3600)
        let requests = [
            Access.signed(region: region),
            Signer(accessKeyID: session.accessKeyID, secret: session.secret).sign(
                Access.request().with("x-amz-security-token", session.token), region: region, service: .kms,
                at: Access.time),
        ]
        for request in requests {
            do throws(AuthenticationFailure) {
                _ = try access.authenticator.verify(request, expecting: .kms, at: Access.time)
                #expect(isValid)
            } catch {
                #expect(!isValid && error == .unrecognizedClient)
            }
        }
    }
}
