import KMSConsole
import Testing

struct LoopbackHostTests {
    @Test(arguments: [
        "localhost", "localhost:4566", "LocalHost:1", "localhost.", "kms.localhost:80", "127.0.0.1", "127.0.0.1:4566",
        "127.255.0.9", "[::1]", "[::1]:4566",
    ])
    func `names of this machine are taken`(host: String) { #expect(LoopbackHost.includes(host)) }

    @Test(arguments: [
        "", ":80", "evil.test", "localhost.evil.test", "evillocalhost", "127.0.0.1.evil.test", "127.0.0.1.nip.io",
        "127.0.0", "127.0.0.256", "127.0.0.01", "127.0.0.1:x", "127.0.0.1:80:80", "128.0.0.1", "0.0.0.0", "10.0.0.1",
        "[::1",
        "[::2]", "[::1]x", "::1", "localhost:80@evil.test", "localhost/evil", "127.0.0.+1", "127..0.1",
        "[::ffff:127.0.0.1]",
    ])
    func `no other names are`(host: String) { #expect(!LoopbackHost.includes(host)) }
}
