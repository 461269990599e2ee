// A PKCS#11 module in front of another, which MODULE names. The file that FAULTS names says in words what fails.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRYPTOKI_GNU
#include <p11-kit-1/p11-kit/pkcs11.h>

static struct ck_function_list real, ours;

static int is_asked(const char *fault) {
    char words[256] = "";
    FILE *file = fopen(getenv("FAULTS"), "r");
    if (file) {
        words[fread(words, 1, sizeof words - 1, file)] = 0;
        fclose(file);
    }
    return strstr(words, fault) != NULL;
}

static void ask(const char *fault) {
    FILE *file = fopen(getenv("FAULTS"), "w");
    if (file) {
        fputs(fault, file);
        fclose(file);
    }
}

static void wait_while(const char *fault) {
    while (is_asked(fault)) usleep(20000);
}

static ck_rv_t initialize(void *arguments) {
    wait_while("hang at the start");
    return real.C_Initialize(arguments);
}

static ck_rv_t get_slot_list(unsigned char present, ck_slot_id_t *slots, unsigned long *count) {
    if (!is_asked("away")) return real.C_GetSlotList(present, slots, count);
    *count = 0;
    return CKR_OK;
}

static ck_rv_t open_session(
    ck_slot_id_t slot, ck_flags_t flags, void *application, ck_notify_t notify, ck_session_handle_t *session) {
    return is_asked("away") ? CKR_TOKEN_NOT_PRESENT : real.C_OpenSession(slot, flags, application, notify, session);
}

static ck_rv_t close_session(ck_session_handle_t session) {
    wait_while("hang at the end");
    return real.C_CloseSession(session);
}

static ck_rv_t find_objects_init(ck_session_handle_t session, struct ck_attribute *template, unsigned long count) {
    if (is_asked("crawl")) usleep(300000);
    if (is_asked("stumble")) {
        ask("");
        return CKR_DEVICE_ERROR;
    }
    return is_asked("away") ? CKR_DEVICE_REMOVED : real.C_FindObjectsInit(session, template, count);
}

static ck_rv_t get_attribute_value(
    ck_session_handle_t session, ck_object_handle_t object, struct ck_attribute *template, unsigned long count) {
    return is_asked("away") ? CKR_DEVICE_REMOVED : real.C_GetAttributeValue(session, object, template, count);
}

static ck_rv_t destroy_object(ck_session_handle_t session, ck_object_handle_t object) {
    return is_asked("away") || is_asked("keep") ? CKR_DEVICE_ERROR : real.C_DestroyObject(session, object);
}

// Makes the key in any case.
static ck_rv_t generate_key(
    ck_session_handle_t session, struct ck_mechanism *mechanism, struct ck_attribute *template, unsigned long count,
    ck_object_handle_t *key) {
    ck_rv_t answer = real.C_GenerateKey(session, mechanism, template, count, key);
    if (is_asked("lose the answer")) {
        ask(is_asked("and trip") ? "stumble" : "");
        return CKR_DEVICE_ERROR;
    }
    if (is_asked("vanish")) {
        ask("away");
        return CKR_DEVICE_ERROR;
    }
    if (is_asked("fall silent")) ask("away");
    wait_while("hang after it is made");
    return answer;
}

ck_rv_t C_GetFunctionList(struct ck_function_list **list) {
    if (!ours.C_Initialize) {
        void *library = dlopen(getenv("MODULE"), RTLD_NOW);
        CK_C_GetFunctionList found = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
        struct ck_function_list *functions;
        if (!found || found(&functions) != CKR_OK) return CKR_GENERAL_ERROR;
        real = ours = *functions;
        ours.C_Initialize = initialize;
        ours.C_GetSlotList = get_slot_list;
        ours.C_OpenSession = open_session;
        ours.C_CloseSession = close_session;
        ours.C_FindObjectsInit = find_objects_init;
        ours.C_GetAttributeValue = get_attribute_value;
        ours.C_DestroyObject = destroy_object;
        ours.C_GenerateKey = generate_key;
    }
    *list = &ours;
    return CKR_OK;
}
