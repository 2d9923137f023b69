/* A mixer made of a file, for libasound's external control plugin interface.
 *
 * ctl.NAME { type posetest file "/path/mixer" }: each line of the file is "name of the element=step",
 * as in "Mic Capture Volume=40". All are integers of 0 to 100 with one channel, and are read anew
 * each time somebody asks.
 */
#include <alsa/asoundlib.h>
#include <alsa/control_external.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 8

typedef struct {
    snd_ctl_ext_t ext;
    char file[512];
    char names[MOST][44];
    long values[MOST];
    int count;
} Mixer;

static void read_file(Mixer *mixer) {
    FILE *file = fopen(mixer->file, "r");
    mixer->count = 0;
    if (file == NULL)
        return;
    while (mixer->count < MOST && fscanf(file, " %43[^=]=%ld", mixer->names[mixer->count],
                                         &mixer->values[mixer->count]) == 2)
        mixer->count++;
    fclose(file);
}

static int elem_count(snd_ctl_ext_t *ext) {
    return ((Mixer *)ext->private_data)->count;
}

static int elem_list(snd_ctl_ext_t *ext, unsigned int offset, snd_ctl_elem_id_t *id) {
    snd_ctl_elem_id_set_interface(id, SND_CTL_ELEM_IFACE_MIXER);
    snd_ctl_elem_id_set_name(id, ((Mixer *)ext->private_data)->names[offset]);
    return 0;
}

static snd_ctl_ext_key_t find_elem(snd_ctl_ext_t *ext, const snd_ctl_elem_id_t *id) {
    Mixer *mixer = ext->private_data;
    for (int k = 0; k < mixer->count; k++)
        if (strcmp(mixer->names[k], snd_ctl_elem_id_get_name(id)) == 0)
            return k;
    return SND_CTL_EXT_KEY_NOT_FOUND;
}

static int get_attribute(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int *type, unsigned int *acc,
                         unsigned int *count) {
    (void)ext, (void)key;
    *type = SND_CTL_ELEM_TYPE_INTEGER;
    *acc = SND_CTL_EXT_ACCESS_READ;
    *count = 1;
    return 0;
}

static int get_integer_info(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *least, long *most,
                            long *step) {
    (void)ext, (void)key;
    *least = 0, *most = 100, *step = 1;
    return 0;
}

static int read_integer(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *value) {
    Mixer *mixer = ext->private_data;
    read_file(mixer);
    *value = mixer->values[key];
    return 0;
}

static int read_event(snd_ctl_ext_t *ext, snd_ctl_elem_id_t *id, unsigned int *mask) {
    (void)ext, (void)id, (void)mask;
    return -EAGAIN;
}

static void close_mixer(snd_ctl_ext_t *ext) {
    free(ext->private_data);
}

static const snd_ctl_ext_callback_t CALLBACKS = {
    .close = close_mixer,
    .elem_count = elem_count,
    .elem_list = elem_list,
    .find_elem = find_elem,
    .get_attribute = get_attribute,
    .get_integer_info = get_integer_info,
    .read_integer = read_integer,
    .read_event = read_event,
};

SND_CTL_PLUGIN_DEFINE_FUNC(posetest) {
    (void)root;
    const char *file = NULL;
    snd_config_t *entry;
    if (snd_config_search(conf, "file", &entry) < 0 || snd_config_get_string(entry, &file) < 0)
        return -EINVAL;
    Mixer *mixer = calloc(1, sizeof(Mixer));
    if (mixer == NULL)
        return -ENOMEM;
    snprintf(mixer->file, sizeof(mixer->file), "%s", file);
    read_file(mixer);
    mixer->ext.version = SND_CTL_EXT_VERSION;
    strcpy(mixer->ext.id, "posetest");
    strcpy(mixer->ext.driver, "posetest");
    strcpy(mixer->ext.name, "posetest");
    strcpy(mixer->ext.longname, "posetest");
    strcpy(mixer->ext.mixername, "posetest");
    mixer->ext.poll_fd = -1;
    mixer->ext.callback = &CALLBACKS;
    mixer->ext.private_data = mixer;
    int error = snd_ctl_ext_create(&mixer->ext, name, mode);
    if (error < 0) {
        free(mixer);
        return error;
    }
    *handlep = mixer->ext.handle;
    return 0;
}

SND_CTL_PLUGIN_SYMBOL(posetest);
