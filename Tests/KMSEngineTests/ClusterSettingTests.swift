import KMSEngine
import KMSModel
import Testing

struct ClusterSettingTests {
    @Test(arguments: [
        ("cluster-2abcdefghij/111122223333/eu-west-1=keys@/usr/lib/module.so", "keys", "/usr/lib/module.so"),
        ("cluster-AbcdEfgHij234567/111122223333/eu-west-1=a token@work=1@/m@/n", "a token@work=1", "/m@/n"),
    ])
    func `a cluster is an identifier, a token and a module`(text: String, token: String, module: String) throws {
        let setting = try #require(ClusterSetting(text))
        #expect((setting.token, setting.module) == (token, module))
        #expect(text.hasPrefix("\(setting.id)/\(setting.realm.account)/\(setting.realm.region)="))
    }

    @Test(arguments: [
        "", "cluster-2abcdefghij", "cluster-2abcdefghij=keys", "cluster-2abcdefghij=keys@module.so",
        "cluster-2abcdefghij=keys@/m", "cluster-2abcdefghij/111122223333=keys@/m",
        "cluster-2abcdefghij/1/eu-west-1=keys@/m", "cluster-2abcdefghij/111122223333/nowhere=keys@/m",
        "cluster-2abcdefghij/111122223333/eu-west-1=@/m", "cluster-short/111122223333/eu-west-1=keys@/m",
        "cluster-2abcdefgh18/111122223333/eu-west-1=keys@/m", "2abcdefghij/111122223333/eu-west-1=keys@/m",
        "cluster-2abcdefghijklmnop/111122223333/eu-west-1=keys@/m",
        "cluster-2abcdefghi\u{e9}/111122223333/eu-west-1=keys@/m",
        "cluster-2abcdefghij/111122223333/eu-west-1=a label of more than 32 bytes, all told@/m",
    ])
    func `anything else is none`(text: String) { #expect(ClusterSetting(text) == nil) }
}
