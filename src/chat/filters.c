/* chat/filters.c - the list of filters. A new one is a function (filters_*.c) and a row here. */
#include "chat/filters.h"

#include <string.h>

/* name, parameters behind the filtered value, function. A signature of NULL takes the arguments
 * as they come. Without a function: Jinja has it, graft does not. */
const graft_jfilter graft_jfilters[] = {
    {"abs", "", graft_jfilter__abs},
    {"attr", "name", graft_jfilter__attr},
    {"batch", "linecount,fill_with=", graft_jfilter__batch},
    {"capitalize", "", graft_jfilter__capitalize},
    {"center", "width=", graft_jfilter__center},
    {"count", "", graft_jfilter__length},
    {"d", "default_value=,boolean=", graft_jfilter__default},
    {"default", "default_value=,boolean=", graft_jfilter__default},
    {"dictsort", "case_sensitive=,by=,reverse=", graft_jfilter__dictsort},
    {"e", "", graft_jfilter__escape},
    {"escape", "", graft_jfilter__escape},
    {"filesizeformat", "", NULL},
    {"first", "", graft_jfilter__first},
    {"float", "default=", graft_jfilter__float},
    {"forceescape", "", graft_jfilter__forceescape},
    {"format", NULL, graft_jfilter__format},
    {"groupby", "", NULL},
    {"indent", "width=,first=,blank=", graft_jfilter__indent},
    {"int", "default=,base=", graft_jfilter__int},
    {"items", "", graft_jfilter__items},
    {"join", "d=,attribute=", graft_jfilter__join},
    {"last", "", graft_jfilter__last},
    {"length", "", graft_jfilter__length},
    {"list", "", graft_jfilter__list},
    {"lower", "", graft_jfilter__lower},
    {"map", NULL, graft_jfilter__map},
    {"max", "case_sensitive=,attribute=", graft_jfilter__max},
    {"min", "case_sensitive=,attribute=", graft_jfilter__min},
    {"pprint", "", NULL},
    {"random", "", NULL},
    {"reject", NULL, graft_jfilter__reject},
    {"rejectattr", NULL, graft_jfilter__rejectattr},
    {"replace", "old,new,count=", graft_jfilter__replace},
    {"reverse", "", graft_jfilter__reverse},
    {"round", "precision=,method=", graft_jfilter__round},
    {"safe", "", graft_jfilter__safe},
    {"select", NULL, graft_jfilter__select},
    {"selectattr", NULL, graft_jfilter__selectattr},
    {"slice", "slices,fill_with=", graft_jfilter__slice},
    {"sort", "reverse=,case_sensitive=,attribute=", graft_jfilter__sort},
    {"string", "", graft_jfilter__string},
    {"striptags", "", NULL},
    {"sum", "attribute=,start=", graft_jfilter__sum},
    {"title", "", graft_jfilter__title},
    {"tojson", "ensure_ascii=,indent=,separators=,sort_keys=", graft_jfilter__tojson},
    {"trim", "chars=", graft_jfilter__trim},
    {"truncate", "length=,killwords=,end=,leeway=", graft_jfilter__truncate},
    {"unique", "case_sensitive=,attribute=", graft_jfilter__unique},
    {"upper", "", graft_jfilter__upper},
    {"urlencode", "", graft_jfilter__urlencode},
    {"urlize", "", NULL},
    {"wordcount", "", graft_jfilter__wordcount},
    {"wordwrap", "", NULL},
    {"xmlattr", "", NULL},
    {NULL, NULL, NULL},
};

const graft_jfilter *graft_j__find_filter(const char *name, size_t n)
{
    for (const graft_jfilter *row = graft_jfilters; row->name != NULL; row++) {
        if (strlen(row->name) == n && memcmp(row->name, name, n) == 0) {
            return row;
        }
    }
    return NULL;
}

graft_status graft_j__run_filter(graft_jinja *j, const graft_jfilter *filter,
                                 const graft_jvalue *subject, const graft_jargs *args,
                                 graft_jvalue *out)
{
    graft_status status = GRAFT_OK;
    graft_jvalue parameters[GRAFT_J_MAX_PARAMETERS];
    graft_jcall call = {.self = subject, .p = parameters, .args = args};
    if (filter->run == NULL) {
        return graft_j__fail(j, "the filter '%s' is not supported", filter->name);
    }
    if (filter->signature != NULL) {
        GRAFT_TRY(graft_j__bind(j, filter->name, filter->signature, args, parameters));
    }
    status = filter->run(j, &call, out);
done:
    return status;
}
